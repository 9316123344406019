--!flags no-cluster no-writes allow-oom
--!include _clock _record
-- The documents of some jobs of one tenant.
--
-- KEYS  none: job.
-- ARGV  1 tenant, then job ids
-- Answer one document for each id, or false where the tenant has no such job

local documents = {}
for i = 2, #ARGV do
  local record = load_record(ARGV[i])
  documents[i - 1] = record and record.tenant == ARGV[1] and job_document(ARGV[i], record) or false
end
return documents
