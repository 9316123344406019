--!flags no-cluster
--!include _clock _record _event _batch _transition _accept
--!args tenant idempotency_key content_digest new_epoch
-- Accepts a job: writes record, input, indexes, queue entry and first event, all or nothing.
--
-- KEYS  none (names come from jobs/store/keys.py): job, input, arq job, ready, ring, due,
--       doorbell, tenant, log, bus, outbox, jobs and its indexes, idempotency, start expiry,
--       garbage (a large input is on it, until here).
-- ARGV  idempotency_key may be ""; new_epoch names the tenant's log if this is its first event.
--       One row, the job (see _accept.lua).
-- Answer {"created" | "replayed", document, epoch, sequence, job id} | {"full", waiting} |
--        {"reused", its id} | {"quota", bytes kept, limit} | {"late"} (a sweep may be removing the input)
--
-- Sent twice: the second call finds the record and answers "replayed" with the job as it is now.

local job = ROWS[1]
local before = answer_again(tenant, idempotency_key, content_digest, job.id, load_record, job_document)
if before then return before end

local waiting = count_waiting(tenant)
if waiting >= K_MAX_QUEUED then return { 'full', waiting } end
local refused = inputs_over_quota(tenant)
if refused then return refused end
local now = now_ms()
if inputs_are_late(tenant, now) then return { 'late' } end

redis.call('HSETNX', K_TENANT .. tenant, 'epoch', new_epoch)
local record = accept(job, tenant, '', now)
remember_key(tenant, idempotency_key, content_digest, job.id)
if idempotency_key ~= '' then redis.call('HSET', K_JOB .. job.id, 'idempotency', idempotency_key) end
return accepted('created', tenant, job.id, record.document)
