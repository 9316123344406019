--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition
--!args id claim lease_ms began_ms_ago
-- Records that the run of the current claim has begun: queued → running, and uses an attempt.
--
-- KEYS  none: job, leases, start expiry, and what events write.
-- ARGV  began_ms_ago: how long ago the run began
-- Answer {"ok", attempt} | {"lost"}
--
-- Sent twice: the record's outcome says that this claim has started already; same answer.

local record = load_record(id)
if not is_current(id, record, claim) then return { 'lost' } end
if record.outcome == claim .. ':running' then return { 'ok', tonumber(record.attempt) } end
if record.status ~= 'queued' then return { 'lost' } end

local now = now_ms()
redis.call('ZADD', K_LEASES, string.format('%.0f', now + lease_ms), id)
start(id, record, claim, began_ms_ago, now)
return { 'ok', record.attempt }
