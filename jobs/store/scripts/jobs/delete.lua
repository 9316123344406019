--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition _remove
--!args tenant id
-- Deletes a job that has ended: record, input and result. If the result was still there, a
-- `job.expired` event says that it is gone. In a full store, older events make room for it: deleting
-- has to free memory.
--
-- KEYS  none: job, input, indexes, expiries, garbage, and what events write.
-- Answer {"deleted", result path if there is one} | {"missing"} | {"not_finished"}
--
-- Sent twice: "missing".

local record = readable(load_record(id))
if not record or record.tenant ~= tenant then return { 'missing' } end
if not record.finished then return { 'not_finished' } end
local now = now_ms()
if record.result and not record.result_gone then
  record.result_gone = 1
  move(id, record, record.status, 'job.expired', now, { 'result_gone' })
end
remove(id, record, now)
if is_full() then trim_events(measure_log(tenant), now, LARGEST_LOGS) end
return { 'deleted', record.result_path }
