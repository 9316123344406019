--!include _kept
-- Moving a job from one status to the next, and where it waits meanwhile: the queue of its tenant,
-- and the ring, which says whose turn it is.

local BAND_WIDTH = 1e13 -- above any Unix millisecond for three centuries: bands never overlap
local BANDS = { high = 0, normal = 1, low = 2 }
local FRONT_BAND = -1 -- jobs that were claimed already go before all others of their tenant

-- The entry by which arq finds what to run.
local function arq_entry(id, now)
  return '{"t":null,"f":"run_claim","a":["' .. id .. '"],"k":{},"et":' .. string.format('%.0f', now) .. '}'
end

local function ring_doorbell()
  if redis.call('LLEN', K_DOORBELL) < K_DOORBELL_CAP then redis.call('LPUSH', K_DOORBELL, 1) end
end

-- Puts the tenant on the ring of those with ready jobs: at the place of its last turn, or first.
local function join_ring(tenant, first)
  if first then
    local earliest = redis.call('ZRANGE', K_RING, 0, 0, 'WITHSCORES')[2] or 0
    redis.call('ZADD', K_RING, earliest - 1, tenant)
  else
    redis.call('ZADD', K_RING, 'NX', redis.call('HGET', K_TENANT .. tenant, 'turn') or 0, tenant)
  end
end

-- Puts a job into the queue of its tenant. `first`: the tenant is next, too.
local function make_ready(id, record, now, band, first)
  local key, start = K_READY .. record.tenant, band * BAND_WIDTH
  local place = after_newest(key, start + now, start, start + BAND_WIDTH - 1)
  redis.call('ZADD', key, string.format('%.0f', place), id)
  join_ring(record.tenant, first)
  ring_doorbell()
end

local function leave_ready(id, tenant)
  if redis.call('ZREM', K_READY .. tenant, id) == 1 and redis.call('EXISTS', K_READY .. tenant) == 0 then
    redis.call('ZREM', K_RING, tenant)
  end
end

local function leave_due(id)
  redis.call('ZREM', K_DUE, id)
  redis.call('ZREM', K_DUE_PLANNED, id)
end

-- The jobs of a kind and priority that are queued, by since when: for metrics only, so nothing else
-- depends on it. It lacks jobs that an earlier release queued, and may name some that it has begun.
local function note_waiting(id, record, now)
  redis.call('ZADD', K_WAITING .. record.kind .. ':' .. record.priority, now, id)
end

local function leave_waiting(id, record)
  redis.call('ZREM', K_WAITING .. record.kind .. ':' .. record.priority, id)
end

-- Sets status and version, moves the status index, publishes, and saves the fields in `changed`
-- (names; the values are in the record; a name without a value is deleted).
local function move(id, record, status, event_type, now, changed)
  redis.call('ZREM', K_JOBS .. record.tenant .. ':' .. record.status, id)
  redis.call('ZADD', K_JOBS .. record.tenant .. ':' .. status, record.listed or record.created, id)
  if record.status == 'queued' then leave_waiting(id, record) end
  if status == 'queued' then note_waiting(id, record, now) end
  record.status = status
  record.version = record.version + 1
  -- Even if the clock was set back, no event is older than the job or its end.
  local sequence = publish(id, record, event_type, math.max(now, tonumber(record.finished or record.created)))
  local set = { 'status', status, 'version', record.version, 'events', record.events }
  local gone = {}
  for _, name in ipairs(changed) do
    if record[name] then
      set[#set + 1] = name
      set[#set + 1] = record[name]
    else
      gone[#gone + 1] = name
    end
  end
  redis.call('HSET', K_JOB .. id, unpack(set))
  if #gone > 0 then redis.call('HDEL', K_JOB .. id, unpack(gone)) end
  return sequence
end

-- Has the artifacts at and below `path` removed once `at_ms` has passed, by the sweep.
local function discard(path, at_ms)
  redis.call('ZADD', K_GARBAGE, at_ms, path)
end

-- Has what the current claim may have written removed, later: a late worker may still be writing.
local function discard_orphan(id, record, now)
  if record.claim ~= '0' then discard(record.tenant .. '/' .. id .. '.' .. record.claim, now + K_ORPHAN_MS) end
end

-- Takes a job whose record has vanished off every list that names it, but for those of its tags and
-- of its batch. `tenant` is nil if it is not known.
local function forget_vanished(id, tenant, now)
  note_vanished('jobs', id)
  leave_due(id)
  for _, key in ipairs({ K_LEASES, K_EXPIRY_STARTS, K_EXPIRY_RESULTS, K_EXPIRY_RECORDS }) do redis.call('ZREM', key, id) end
  redis.call('DEL', K_INPUT .. id, K_ARQ_JOB .. id)
  if not tenant then return end
  keep_bytes(tenant, id, 0)
  leave_ready(id, tenant)
  redis.call('ZREM', K_JOBS .. tenant, id)
  for _, status in ipairs({ 'queued', 'scheduled', 'running', 'retrying', 'succeeded', 'failed', 'cancelled' }) do
    redis.call('ZREM', K_JOBS .. tenant .. ':' .. status, id)
  end
  discard(tenant .. '/' .. id, now)
end

-- queued → running by `claim`, whose run began `ago_ms` ago. The attempt counts from here.
local function start(id, record, claim, ago_ms, now)
  record.attempt = record.attempt + 1
  record.started = math.max(now - ago_ms, tonumber(record.created))
  if record.expires then redis.call('ZREM', K_EXPIRY_STARTS, id) end
  record.expires = nil
  record.progress = nil
  record.outcome = claim .. ':running'
  move(id, record, 'running', 'job.started', now, { 'attempt', 'started', 'expires', 'progress', 'outcome' })
end

-- Ends a job. `record` already has the result or the error.
local function finish(id, record, status, now)
  local keep_ms = status == 'succeeded' and K_RESULT_TTL_MS or K_RECORD_TTL_MS
  record.finished = math.max(now, tonumber(record.started or record.created))
  record.expires = now + keep_ms
  redis.call('ZREM', K_LEASES, id)
  redis.call('ZREM', K_EXPIRY_STARTS, id)
  redis.call('DEL', K_ARQ_JOB .. id)
  if status == 'succeeded' then
    redis.call('ZADD', K_EXPIRY_RESULTS, record.expires, id)
    redis.call('DEL', K_INPUT .. id)
    if record.input ~= 'inline' then discard(record.tenant .. '/' .. id .. '/0', now) end
    record.input = nil
  end
  keep_bytes(record.tenant, id, artifact_bytes(record))
  redis.call('ZADD', K_EXPIRY_RECORDS, now + K_RECORD_TTL_MS, id)
  move(id, record, status, 'job.' .. status, now,
    { 'finished', 'expires', 'progress', 'result', 'error', 'result_path', 'outcome', 'input' })
  if record.batch then count_in_batch(record.batch, status, now) end
end

local function fail(id, record, now, code, message)
  record.error = '{"code":"' .. code .. '","message":"' .. message .. '","retryable":false}'
  finish(id, record, 'failed', now)
end

-- Any non-terminal status → cancelled. A worker that runs it learns of it with its next renewal.
local function cancel(id, record, now)
  leave_ready(id, record.tenant)
  leave_due(id)
  discard_orphan(id, record, now)
  finish(id, record, 'cancelled', now)
end

-- Whether `claim` is the current one: the record names it and its lease is still in the table.
local function is_current(id, record, claim)
  return record and record.claim == claim and redis.call('ZSCORE', K_LEASES, id) and true or false
end

-- Back to the front of the queue of its tenant, which is next then if it is `first`. Only for a run
-- that had started is it a transition with an event.
local function requeue(id, record, now, first)
  redis.call('ZREM', K_LEASES, id)
  if record.status == 'running' then
    record.started = nil
    record.progress = nil
    move(id, record, 'queued', 'job.queued', now, { 'attempt', 'started', 'progress', 'outcome' })
  end
  make_ready(id, record, now, FRONT_BAND, first)
end
