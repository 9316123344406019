--!rows id kind priority scheduled_at_ms expires_in_ms max_attempts timeout_ms extras tags input input_path input_bytes webhook_url
-- Accepting jobs: record, input, indexes, queue entry and first event. The caller makes all checks.
--
-- A row is a job: extras are JSON members, tags a JSON list; of input (bytes) and input_path one is
-- "", as are times, timeout_ms and webhook_url that were not given. input_bytes is how many bytes of
-- artifacts its input and files have, or 0.

-- Returns the answer to a submission: the document, the epoch and the sequence of the newest event
-- of the tenant's log, and the id of the job or batch.
local function accepted(outcome, tenant, id, document)
  local position = redis.call('HMGET', K_TENANT .. tenant, 'epoch', 'sequence')
  return { outcome, document, position[1], tonumber(position[2]), id }
end

-- Counts the jobs of the tenant that wait to be run.
local function count_waiting(tenant)
  local index = K_JOBS .. tenant
  return redis.call('ZCARD', index .. ':queued') + redis.call('ZCARD', index .. ':scheduled')
    + redis.call('ZCARD', index .. ':retrying')
end

-- Returns what was made with the idempotency key (may be ""): digest of the content and id, or nil.
local function find_by_key(tenant, key)
  local known = key ~= '' and redis.call('GET', K_IDEMPOTENCY .. tenant .. ':' .. key)
  if known then return string.match(known, '^(%S*) (%S+)$') end
end

-- Returns the answer to a submission whose idempotency key or id was used before, or nil. `load` and
-- `document` are the functions for what is submitted: a job or a batch.
local function answer_again(tenant, key, content_digest, id, load, document)
  local digest, known = find_by_key(tenant, key)
  if known and redis.call('EXISTS', K_JOB .. known, K_BATCH_RECORD .. known) == 1 then
    local found = readable(load(known))
    if digest ~= content_digest or not found then return { 'reused', known } end
    return accepted('replayed', tenant, known, document(known, found))
  end
  local found = readable(load(id))
  if not found then return nil end
  if found.tenant ~= tenant then return redis.error_reply('WRONGTENANT ' .. id .. ' is taken') end
  return accepted('replayed', tenant, id, document(id, found))
end

local function remember_key(tenant, key, digest, id)
  if key ~= '' then
    redis.call('SET', K_IDEMPOTENCY .. tenant .. ':' .. key, digest .. ' ' .. id, 'PX', K_IDEMPOTENCY_TTL_MS)
  end
end

-- Returns nil if the tenant may keep the inputs of all jobs, else the answer that refuses them.
local function inputs_over_quota(tenant)
  local more = 0
  for _, job in ipairs(ROWS) do more = more + tonumber(job.input_bytes) end
  return over_quota(tenant, more)
end

-- Whether the inputs were written so late, or refused before, that a sweep may be removing them.
local function inputs_are_late(tenant, now)
  for _, job in ipairs(ROWS) do
    if job.input_path ~= '' and tonumber(redis.call('ZSCORE', K_GARBAGE, tenant .. '/' .. job.id) or 0) <= now then
      return true
    end
  end
  return false
end

-- Writes the job and publishes its first event; returns the record. `batch` is an id, or "".
local function accept(job, tenant, batch, now)
  local id, index = job.id, K_JOBS .. tenant
  local scheduled, expires_in = tonumber(job.scheduled_at_ms), tonumber(job.expires_in_ms)
  local later = scheduled and scheduled > now
  local record = {
    tenant = tenant, kind = job.kind, status = later and 'scheduled' or 'queued', version = 1, attempt = 0,
    max_attempts = job.max_attempts, priority = job.priority, created = now, scheduled = scheduled,
    extras = job.extras, expires = expires_in and now + expires_in,
    webhook_url = job.webhook_url ~= '' and job.webhook_url or nil,
  }
  local listed = after_newest(index, now)
  local sequence = publish(id, record, 'job.' .. record.status, now)

  local fields = {
    'v', K_RECORD_VERSION, 'tenant', tenant, 'kind', job.kind, 'status', record.status, 'version', 1, 'claim', 0, 'attempt', 0,
    'max_attempts', job.max_attempts, 'priority', job.priority, 'created', now, 'extras', job.extras,
    'events', sequence, 'input', job.input_path ~= '' and job.input_path or 'inline',
  }
  local function add(name, value)
    if value and value ~= '' then
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
  end
  add('input_bytes', job.input_path ~= '' and job.input_bytes)
  add('scheduled', scheduled)
  add('expires', record.expires)
  add('listed', listed ~= now and listed)
  add('timeout', job.timeout_ms)
  add('tags', job.tags ~= '[]' and job.tags)
  add('batch', batch)
  add('webhook_url', job.webhook_url)
  redis.call('HSET', K_JOB .. id, unpack(fields))
  if job.input_path == '' then
    redis.call('SET', K_INPUT .. id, job.input)
  else
    redis.call('ZREM', K_GARBAGE, tenant .. '/' .. id)
    keep_bytes(tenant, id, tonumber(job.input_bytes))
  end
  redis.call('SET', K_ARQ_JOB .. id, arq_entry(id, now))

  redis.call('ZADD', index, listed, id)
  redis.call('ZADD', index .. ':' .. record.status, listed, id)
  if job.tags ~= '[]' then
    for _, tag in ipairs(cjson.decode(job.tags)) do redis.call('ZADD', K_TAG .. tenant .. ':' .. tag, listed, id) end
  end
  if batch ~= '' then redis.call('ZADD', K_BATCH .. tenant .. ':' .. batch, listed, id) end
  if record.expires then redis.call('ZADD', K_EXPIRY_STARTS, record.expires, id) end
  if later then
    redis.call('ZADD', K_DUE, scheduled, id)
  else
    make_ready(id, record, now, BANDS[job.priority])
    note_waiting(id, record, now)
  end
  return record
end
