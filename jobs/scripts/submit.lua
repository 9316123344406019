--!flags no-cluster
--!include _clock _record _event _transition
-- Accepts a job: record, input, indexes, queue entry and first event, all or nothing.
--
-- KEYS  none (names come from jobs/keys.py): job, input, arq job, ready, ring, due, doorbell, tenant, log, bus, outbox,
--       jobs and its indexes, idempotency, start expiry.
-- ARGV  1 job id, 2 tenant, 3 kind, 4 priority, 5 scheduled at (ms, ""), 6 expires in (ms, ""), 7 max attempts,
--       8 timeout (ms, ""), 9 extras (JSON members), 10 tags (JSON), 11 batch id or "", 12 input bytes (""),
--       13 input artifact path (""), 14 idempotency key (""), 15 content digest, 16 candidate epoch, 17 webhook url ("")
-- Answer {"created" | "replayed", document, epoch, sequence, job id} | {"full", waiting} | {"reused", job id}
--
-- Sent twice: the second call finds the record and answers "replayed" with the job as it is now.

local id, tenant, kind, priority = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local scheduled, expires_in = tonumber(ARGV[5]), tonumber(ARGV[6])
local idempotency_key = ARGV[14] ~= '' and K_IDEMPOTENCY .. tenant .. ':' .. ARGV[14]

local function head()
  local position = redis.call('HMGET', K_TENANT .. tenant, 'epoch', 'sequence')
  return position[1], tonumber(position[2])
end

local function replayed(job_id, record)
  local epoch, sequence = head()
  return { 'replayed', job_document(job_id, record), epoch, sequence, job_id }
end

if idempotency_key then
  local known = redis.call('GET', idempotency_key)
  if known then
    local digest, job_id = string.match(known, '^(%S*) (%S+)$')
    local record = load_record(job_id)
    if record then
      if digest ~= ARGV[15] then return { 'reused', job_id } end
      return replayed(job_id, record)
    end
  end
end

local existing = load_record(id)
if existing then
  if existing.tenant ~= tenant then return redis.error_reply('WRONGTENANT job id is taken') end
  return replayed(id, existing)
end

local index = K_JOBS .. tenant
local waiting = redis.call('ZCARD', index .. ':queued') + redis.call('ZCARD', index .. ':scheduled')
  + redis.call('ZCARD', index .. ':retrying')
if waiting >= K_MAX_QUEUED then return { 'full', waiting } end

local now = now_ms()
local later = scheduled and scheduled > now
local record = {
  tenant = tenant, kind = kind, status = later and 'scheduled' or 'queued', version = 1, attempt = 0,
  max_attempts = ARGV[7], priority = priority, created = now, scheduled = scheduled, extras = ARGV[9],
  expires = expires_in and now + expires_in, webhook_url = ARGV[17] ~= '' and ARGV[17] or nil,
}

redis.call('HSETNX', K_TENANT .. tenant, 'epoch', ARGV[16])
local sequence = publish(id, record, 'job.' .. record.status, now)

local fields = {
  'v', 1, 'tenant', tenant, 'kind', kind, 'status', record.status, 'version', 1, 'claim', 0, 'attempt', 0,
  'max_attempts', ARGV[7], 'priority', priority, 'created', now, 'extras', ARGV[9], 'events', sequence,
  'input', ARGV[13] ~= '' and ARGV[13] or 'inline',
}
local function add(name, value)
  if value and value ~= '' then
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
end
add('scheduled', scheduled)
add('expires', record.expires)
add('timeout', ARGV[8])
add('tags', ARGV[10] ~= '[]' and ARGV[10])
add('batch', ARGV[11])
add('webhook_url', ARGV[17])
redis.call('HSET', K_JOB .. id, unpack(fields))
if ARGV[13] == '' then redis.call('SET', K_INPUT .. id, ARGV[12]) end
redis.call('SET', K_ARQ_JOB .. id,
  '{"t":null,"f":"run_claim","a":["' .. id .. '"],"k":{},"et":' .. string.format('%.0f', now) .. '}')

redis.call('ZADD', index, now, id)
redis.call('ZADD', index .. ':' .. record.status, now, id)
if ARGV[10] ~= '[]' then
  for _, tag in ipairs(cjson.decode(ARGV[10])) do redis.call('ZADD', K_TAG .. tenant .. ':' .. tag, now, id) end
end
if ARGV[11] ~= '' then redis.call('ZADD', K_BATCH .. tenant .. ':' .. ARGV[11], now, id) end
if record.expires then redis.call('ZADD', K_EXPIRY_STARTS, record.expires, id) end
if idempotency_key then redis.call('SET', idempotency_key, ARGV[15] .. ' ' .. id, 'PX', K_IDEMPOTENCY_TTL_MS) end

if later then
  redis.call('ZADD', K_DUE, scheduled, id)
else
  make_ready(id, record, now, BANDS[priority])
end
local epoch = head()
return { 'created', job_document(id, record), epoch, sequence, id }
