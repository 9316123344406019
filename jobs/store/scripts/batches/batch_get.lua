--!flags no-cluster no-writes
--!include _clock _record _event _batch
--!args tenant id
-- Returns the document of a batch.
--
-- KEYS  none: batch record.
-- Answer the document, or false if the tenant has no such batch

local batch = readable(load_batch(id))
return batch and batch.tenant == tenant and batch_document(id, batch) or false
