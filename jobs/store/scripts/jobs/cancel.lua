--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition
--!args tenant id
-- Cancels a job that has not ended. A worker that runs it learns of it with its next renewal.
--
-- KEYS  none: job, ready, ring, due, leases, arq job, expiries, and what events write.
-- Answer {"cancelled" | "finished", document} | {"missing"}
--
-- Sent twice: "finished", with the job as the first call left it.

local record = readable(load_record(id))
if not record or record.tenant ~= tenant then return { 'missing' } end
if record.finished then return { 'finished', job_document(id, record) } end

cancel(id, record, now_ms())
return { 'cancelled', job_document(id, record) }
