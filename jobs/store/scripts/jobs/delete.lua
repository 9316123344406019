--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition _remove
-- Deletes a terminal job: record, input and result. Of a result that is still there, a `job.expired` event says so.
--
-- KEYS  none: job, input, indexes, expiries, garbage, and what events write.
-- ARGV  1 tenant, 2 job id
-- Answer {"deleted", result path where there is one} | {"missing"} | {"not_finished"}
--
-- Sent twice: "missing".

local record = load_record(ARGV[2])
if not record or record.tenant ~= ARGV[1] then return { 'missing' } end
if not record.finished then return { 'not_finished' } end
local now = now_ms()
if record.result and not record.result_gone then
  record.result_gone = 1
  move(ARGV[2], record, record.status, 'job.expired', now, { 'result_gone' })
end
remove(ARGV[2], record, now)
return { 'deleted', record.result_path }
