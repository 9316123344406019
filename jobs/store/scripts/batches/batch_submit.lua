--!flags no-cluster
--!include _clock _record _event _batch _transition _accept
-- Accepts a batch: its record, and of each job what submit.lua writes, all or nothing.
--
-- KEYS  none: batch record, and those of submit.lua.
-- ARGV  1 tenant, 2 idempotency key (""), 3 content digest, 4 candidate epoch, 5 batch id, 6 metadata (JSON),
--       7 webhook url (""), then the jobs one after the other (see _accept.lua)
-- Answer {"created" | "replayed", document, epoch, sequence, batch id} | {"full", waiting} | {"reused", its id}
--
-- Sent twice: the second call finds the record and answers "replayed" with the batch as it is now.

local tenant, idempotency_key, content_digest, id = ARGV[1], ARGV[2], ARGV[3], ARGV[5]

local function answer(outcome, batch_id, batch)
  local epoch, sequence = head(tenant)
  return { outcome, batch_document(batch_id, batch), epoch, sequence, batch_id }
end

local digest, known = recall(tenant, idempotency_key)
if known and redis.call('EXISTS', K_JOB .. known, K_BATCH_RECORD .. known) == 1 then
  local batch = load_batch(known)
  if digest ~= content_digest or not batch then return { 'reused', known } end
  return answer('replayed', known, batch)
end

local existing = load_batch(id)
if existing then
  if existing.tenant ~= tenant then return redis.error_reply('WRONGTENANT batch id is taken') end
  return answer('replayed', id, existing)
end

local jobs, job_ids = {}, {}
for at = 8, #ARGV, JOB_ARGUMENTS do
  jobs[#jobs + 1] = job_argument(at)
  job_ids[#job_ids + 1] = ARGV[at]
  if redis.call('EXISTS', K_JOB .. ARGV[at]) == 1 then return redis.error_reply('WRONGJOB job id is taken') end
end
local waiting = count_waiting(tenant)
if waiting + #jobs > K_MAX_QUEUED then return { 'full', waiting } end

local now = now_ms()
redis.call('HSETNX', K_TENANT .. tenant, 'epoch', ARGV[4])
redis.call('HSET', K_BATCH_RECORD .. id, 'v', 1, 'tenant', tenant, 'total', #jobs, 'succeeded', 0, 'failed', 0,
  'cancelled', 0, 'created', now, 'job_ids', cjson.encode(job_ids), 'metadata', ARGV[6],
  unpack(ARGV[7] ~= '' and { 'webhook_url', ARGV[7] } or {}))
for _, job in ipairs(jobs) do accept(job, tenant, id, now) end
remember(tenant, idempotency_key, content_digest, id)
return answer('created', id, load_batch(id))
