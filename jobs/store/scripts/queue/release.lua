--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition
--!args id claim began
-- Hands a claimed or running job back to the front of the queue, and gives the attempt back.
--
-- KEYS  none: job, leases, ready, ring, doorbell, garbage, and what events write.
-- ARGV  began: 1 if a run began, which may have written a result; else 0
-- Answer "ok" | "lost"
--
-- Sent twice: the lease is gone after the first call; "lost", which the worker ignores.

local record = load_record(id)
if not is_current(id, record, claim) then return 'lost' end
local now = now_ms()
if began == '1' then discard_orphan(id, record, now) end
if record.status == 'running' then record.attempt = record.attempt - 1 end
record.outcome = nil
requeue(id, record, now)
return 'ok'
