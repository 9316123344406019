--!flags no-cluster
--!include _clock _record _event _batch _transition _accept
--!args tenant idempotency_key content_digest new_epoch id metadata webhook_url
-- Accepts a batch: writes its record, and for each job what submit.lua writes, all or nothing.
--
-- KEYS  none: batch record, and those of submit.lua.
-- ARGV  metadata is JSON; idempotency_key and webhook_url may be "". The rows are the jobs (see
--       _accept.lua).
-- Answer {"created" | "replayed", document, epoch, sequence, batch id} | {"full", waiting} |
--        {"reused", its id} | {"quota", bytes kept, limit} | {"late"} (a sweep may be removing an input)
--
-- Sent twice: the second call finds the record and answers "replayed" with the batch as it is now.

local before = answer_again(tenant, idempotency_key, content_digest, id, load_batch, batch_document)
if before then return before end

local job_ids = {}
for i, job in ipairs(ROWS) do
  job_ids[i] = job.id
  if redis.call('EXISTS', K_JOB .. job.id) == 1 then return redis.error_reply('WRONGJOB job id is taken') end
end
local waiting = count_waiting(tenant)
if waiting + #ROWS > K_MAX_QUEUED then return { 'full', waiting } end
local refused = inputs_over_quota(tenant)
if refused then return refused end
local now = now_ms()
if inputs_are_late(tenant, now) then return { 'late' } end

redis.call('HSETNX', K_TENANT .. tenant, 'epoch', new_epoch)
redis.call('HSET', K_BATCH_RECORD .. id, 'v', K_RECORD_VERSION, 'tenant', tenant, 'total', #ROWS, 'succeeded', 0, 'failed', 0,
  'cancelled', 0, 'created', now, 'job_ids', cjson.encode(job_ids), 'metadata', metadata,
  unpack(webhook_url ~= '' and { 'webhook_url', webhook_url } or {}))
for _, job in ipairs(ROWS) do accept(job, tenant, id, now) end
remember_key(tenant, idempotency_key, content_digest, id)
return accepted('created', tenant, id, batch_document(id, load_batch(id)))
