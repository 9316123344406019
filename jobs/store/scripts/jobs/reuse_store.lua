--!flags no-cluster
--!include _clock _record
--!args tenant content_digest id
-- Notes that a succeeded job's result is the one for some content, for as long as results are kept.
-- It keeps the job's id alone, so that a result that is deleted with its job is not found any more.
--
-- KEYS  none: job, render.
-- Answer "ok" | "gone" (the job was deleted meanwhile)
--
-- Sent twice: the same is written again.

local record = load_record(id)
if not record or record.tenant ~= tenant or record.status ~= 'succeeded' or record.result_gone then
  return 'gone'
end
redis.call('HSET', K_JOB .. id, 'reuse', content_digest)
redis.call('SET', K_RENDER .. tenant .. ':' .. content_digest, id, 'PX', K_RESULT_TTL_MS)
return 'ok'
