--!flags no-cluster no-writes
--!include _clock _record
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

limit = tonumber(limit)
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

local documents, last_created, last_id, looked = {}, after_created, after_id, 0
local vanished = {}
local from = last_created ~= '' and last_created or '+inf'
local skip = 0
while looked < SCAN do
  local page = redis.call('ZREVRANGEBYSCORE', index, from, '-inf', 'WITHSCORES', 'LIMIT', skip, 100)
  for i = 1, #page, 2 do
    local id, created = page[i], page[i + 1]
    looked = looked + 1
    -- Jobs of one millisecond come in descending order of id: those before after_id were shown.
    if created ~= after_created or id < after_id then
      local record = readable(load_record(id))
      if record and matches(record) then
        if #documents == limit then return { documents, last_created, last_id, vanished, index } end
        documents[#documents + 1] = job_document(id, record)
      elseif not record then
        vanished[#vanished + 1] = id
      end
      last_created, last_id = created, id
    end
  end
  if #page < 200 then return { documents, false, false, vanished, index } end
  skip = skip + 100
end
return { documents, last_created, last_id, vanished, index }
