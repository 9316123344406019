--!flags no-cluster no-writes
--!include _clock _record
-- The result that is remembered for some content, if the job that it is of still has it.
--
-- KEYS  none: job, render.
-- ARGV  1 tenant, 2 digest of the content
-- Answer {artifact path, result (JSON members)} | false

local id = redis.call('GET', K_RENDER .. ARGV[1] .. ':' .. ARGV[2])
local record = id and load_record(id)
if not record or record.tenant ~= ARGV[1] or record.status ~= 'succeeded' or record.result_gone then
  return false
end
return { record.result_path, record.result }
