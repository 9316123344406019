--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition
-- Drain: hands a claimed or running job back to the front of the queue; the attempt is given back.
--
-- KEYS  none: job, leases, ready, ring, doorbell, garbage, and what events write.
-- ARGV  1 job id, 2 claim, 3 whether a run began that may have written a result (1, 0)
-- Answer "ok" | "lost"
--
-- Sent twice: the lease is gone after the first call; "lost", which a draining worker ignores.

local id, claim = ARGV[1], ARGV[2]
local record = load_record(id)
if not is_current(id, record, claim) then return 'lost' end
local now = now_ms()
if ARGV[3] == '1' then discard_orphan(id, record, now) end
if record.status == 'running' then record.attempt = record.attempt - 1 end
record.outcome = nil
requeue(id, record, now)
return 'ok'
