--!flags no-cluster
--!include _clock _record
-- A succeeded job's result is the one for some content, for as long as results are kept.
--
-- KEYS  none: job, render.
-- ARGV  1 tenant, 2 digest of the content, 3 job id
-- Answer "ok" | "gone" (the job was deleted meanwhile)
--
-- Sent twice: the same is written again. Only the job is named: what is deleted with it is not found through it.

local record = load_record(ARGV[3])
if not record or record.tenant ~= ARGV[1] or record.status ~= 'succeeded' or record.result_gone then
  return 'gone'
end
redis.call('SET', K_RENDER .. ARGV[1] .. ':' .. ARGV[2], ARGV[3], 'PX', K_RESULT_TTL_MS)
return 'ok'
