--!flags no-cluster no-writes
--!include _clock _record _page
--!args tenant status kind tag batch_id limit after_created after_id
-- Returns a page of a tenant's jobs, newest first. It reads the most selective index and checks the
-- other filters record by record.
--
-- KEYS  none: jobs and its indexes, job.
-- ARGV  after_created (ms) and after_id are of the last job of the page before; "" for the first
--       page. Filters may be "".
-- Answer {documents, created, id, vanished ids, their index}: created and id say where the next page
--        starts, false if there is none. A page may be short, even empty, if a filter passes over
--        many jobs.

local SCAN = 500 -- records looked at in one call: the store must stay responsive

local index = K_JOBS .. tenant
if batch_id ~= '' then
  index = K_BATCH .. tenant .. ':' .. batch_id
elseif tag ~= '' then
  index = K_TAG .. tenant .. ':' .. tag
elseif status ~= '' then
  index = index .. ':' .. status
end

local function has_tag(record)
  for _, one in ipairs(cjson.decode(record.tags or '[]')) do
    if one == tag then return true end
  end
  return false
end

local function matches(record)
  return (status == '' or record.status == status) and (kind == '' or record.kind == kind)
    and (batch_id == '' or record.batch == batch_id) and (tag == '' or has_tag(record))
end

local vanished = {}
local page = page_of(index, '+inf', '-inf', after_created, after_id, limit, SCAN, function(id)
  local record = readable(load_record(id))
  if not record then vanished[#vanished + 1] = id end
  return record and matches(record) and job_document(id, record) or nil
end)
page[4], page[5] = vanished, index
return page
