--!flags no-cluster no-writes
--!include _clock _record
--!args tenant content_digest
-- Returns the result that an earlier job made of the same content, if that job still has it.
--
-- KEYS  none: job, render.
-- Answer {artifact path, result (JSON members)} | false

local id = redis.call('GET', K_RENDER .. tenant .. ':' .. content_digest)
local record = id and load_record(id)
if not record or record.tenant ~= tenant or record.status ~= 'succeeded' or record.result_gone then
  return false
end
return { record.result_path, record.result }
