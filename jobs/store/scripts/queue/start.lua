--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition
-- queued → running, by the current claim.
--
-- KEYS  none: job, leases, start expiry, and what events write.
-- ARGV  1 job id, 2 claim, 3 lease (ms), 4 how long ago the run began (ms)
-- Answer {"ok", attempt} | {"lost"}
--
-- Sent twice: the record's outcome says that this claim has started already; same answer.

local id, claim = ARGV[1], ARGV[2]
local record = load_record(id)
if not is_current(id, record, claim) then return { 'lost' } end
if record.outcome == claim .. ':running' then return { 'ok', tonumber(record.attempt) } end
if record.status ~= 'queued' then return { 'lost' } end

local now = now_ms()
redis.call('ZADD', K_LEASES, string.format('%.0f', now + ARGV[3]), id)
start(id, record, claim, ARGV[4], now)
return { 'ok', record.attempt }
