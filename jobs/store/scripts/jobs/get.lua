--!flags no-cluster no-writes allow-oom
--!include _clock _record
--!args tenant
--!rows id
-- Returns the documents of some jobs of one tenant.
--
-- KEYS  none: job.
-- Answer one document for each id, or false if the tenant has no such job

local documents = {}
for i, row in ipairs(ROWS) do
  local record = readable(load_record(row.id))
  documents[i] = record and record.tenant == tenant and job_document(row.id, record) or false
end
return documents
