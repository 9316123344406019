--!flags no-cluster no-writes allow-oom
--!include _clock _record _event _batch _transition _accept
--!args tenant idempotency_key content_digest
-- Returns what an earlier submission with the idempotency key made, if this one would be refused.
--
-- KEYS  none: idempotency, job, batch record, tenant.
-- Answer {"replayed", document, epoch, sequence, job or batch id} | {"reused", its id} | false

local digest, known = find_by_key(tenant, idempotency_key)
if not known then return false end
local record, batch = readable(load_record(known)), readable(load_batch(known))
if not record and not batch then return false end
if digest ~= content_digest then return { 'reused', known } end
local document = record and job_document(known, record) or batch_document(known, batch)
return accepted('replayed', tenant, known, document)
