--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition _remove
-- Deletes a terminal job: record, input and result.
--
-- KEYS  none: job, input, indexes, expiries, garbage.
-- ARGV  1 tenant, 2 job id
-- Answer {"deleted", result path where there is one} | {"missing"} | {"not_finished"}
--
-- Sent twice: "missing".

local record = load_record(ARGV[2])
if not record or record.tenant ~= ARGV[1] then return { 'missing' } end
if not record.finished then return { 'not_finished' } end
remove(ARGV[2], record, now_ms())
return { 'deleted', record.result_path }
