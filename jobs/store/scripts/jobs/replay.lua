--!flags no-cluster no-writes allow-oom
--!include _clock _record _event _batch _transition _accept
-- What an earlier submission with an idempotency key made, for one that would be refused now.
--
-- KEYS  none: idempotency, job, batch record, tenant.
-- ARGV  1 tenant, 2 idempotency key, 3 content digest
-- Answer {"replayed", document, epoch, sequence, job or batch id} | {"reused", its id} | false where there is none

local digest, known = recall(ARGV[1], ARGV[2])
if not known then return false end
local record, batch = load_record(known), load_batch(known)
if not record and not batch then return false end
if digest ~= ARGV[3] then return { 'reused', known } end
local epoch, sequence = head(ARGV[1])
local document = record and (record.document or job_document(known, record)) or batch_document(known, batch)
return { 'replayed', document, epoch, sequence, known }
