--!flags no-cluster no-writes
--!include _clock _record _event _batch
-- The document of a batch.
--
-- KEYS  none: batch record.
-- ARGV  1 tenant, 2 batch id
-- Answer the document, or false where the tenant has no such batch

local batch = load_batch(ARGV[2])
return batch and batch.tenant == ARGV[1] and batch_document(ARGV[2], batch) or false
