--!flags no-cluster no-writes
--!include _clock _record
-- A page of a tenant's jobs, newest first, from the most selective index; other filters are checked record by record.
--
-- KEYS  none: jobs and its indexes, job.
-- ARGV  1 tenant, 2 status (""), 3 kind (""), 4 tag (""), 5 batch id (""), 6 limit, 7 created (ms) and 8 id of the
--       last job of the page before ("" for the first page)
-- Answer {documents, created, id}: the last two say where the next page starts, false when there is none. A page may
--        be short (even empty) where a filter passes over many jobs.

local SCAN = 500 -- records looked at in one call: the store must stay responsive

local tenant, status, kind, tag, batch, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local index = K_JOBS .. tenant
if batch ~= '' then
  index = K_BATCH .. tenant .. ':' .. batch
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
    and (batch == '' or record.batch == batch) and (tag == '' or has_tag(record))
end

local documents, last_created, last_id, looked = {}, ARGV[7], ARGV[8], 0
local from = last_created ~= '' and last_created or '+inf'
local skip = 0
while looked < SCAN do
  local page = redis.call('ZREVRANGEBYSCORE', index, from, '-inf', 'WITHSCORES', 'LIMIT', skip, 100)
  for i = 1, #page, 2 do
    local id, created = page[i], page[i + 1]
    looked = looked + 1
    -- Jobs of the same millisecond come in descending order of id: those before the mark were shown already.
    if created ~= ARGV[7] or id < ARGV[8] then
      local record = load_record(id)
      if record and matches(record) then
        if #documents == limit then return { documents, last_created, last_id } end
        documents[#documents + 1] = job_document(id, record)
      end
      last_created, last_id = created, id
    end
  end
  if #page < 200 then return { documents, false, false } end
  skip = skip + 100
end
return { documents, last_created, last_id }
