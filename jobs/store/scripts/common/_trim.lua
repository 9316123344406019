-- Keeps the event logs of all tenants and the bus within their part of the store's memory, on top
-- of the limits by number. `docs/operating.md` explains the shares to operators.
--
-- Streams can be trimmed by number or id only, so their memory is measured from time to time and
-- becomes a number. Events make way for what cannot be trimmed: they get what is left below
-- CALM_SHARE, at least LEAST_SHARE and at most K_EVENTS_PERCENT (or K_EVENTS_BYTES) of maxmemory. A
-- store without maxmemory is trimmed by bytes only if K_EVENTS_BYTES is set.

local TRIM_EVERY = 32 -- events of a tenant between two measurements, about 40 kB
local CALM_SHARE = 0.75 -- below the 80 % at which operators are warned
local LEAST_SHARE = 0.05
local FULL_SHARE = 0.9
local CROWDED_SHARE = 0.6 -- leaves events 15 %
local BUS_SHARE = 0.25 -- of the events: live readers need less than those that resume
local LEAST_BUS_EVENTS = 256 -- more than one script writes: what a reader waits for is not removed
local TRIM_TO = 0.95 -- trimming a little more than needed makes it rare
local MEASURED_WHOLE = 1000 -- events; of a longer stream, only SAMPLES nodes are measured: 10 µs, not 100
local SAMPLES = 100
local LARGEST_LOGS = 10 -- trimmed at most for each log that was measured: one step must stay short

-- Returns the bytes of a stream: 0 if there is none, 1 if this user of the store may not ask. With 1,
-- a log stays among those that are trimmed by age.
local function memory_of(stream)
  local length = redis.call('XLEN', stream)
  local bytes = redis.pcall('MEMORY', 'USAGE', stream, 'SAMPLES', length > MEASURED_WHOLE and SAMPLES or 0)
  return type(bytes) == 'number' and bytes or math.min(length, 1)
end

-- Removes the oldest events of a stream of `bytes` until it has about `target`, but keeps `least`
-- events; returns its size.
local function shrink(stream, bytes, target, least)
  local length = redis.call('XLEN', stream)
  if length == 0 then return 0 end -- the store has evicted it, or all of it was too old
  redis.call('XTRIM', stream, 'MAXLEN', '~', math.max(math.floor(length * target / bytes), least))
  return bytes * redis.call('XLEN', stream) / length
end

-- Notes how large the log of a tenant is; returns how large all are together.
local function note_log(tenant, bytes)
  local before = tonumber(redis.call('ZSCORE', K_LOG_SIZES, tenant) or 0)
  bytes = math.floor(bytes)
  if bytes > 0 then
    redis.call('ZADD', K_LOG_SIZES, bytes, tenant)
  else
    redis.call('ZREM', K_LOG_SIZES, tenant)
  end
  return redis.call('HINCRBY', K_EVENT_BYTES, 'logs', string.format('%.0f', bytes - before))
end

-- Returns how much memory the store uses and may use. The latter is 0 if it has no limit, or does
-- not tell.
local function used_and_limit()
  local memory = redis.pcall('INFO', 'memory')
  local function figure(name)
    return type(memory) == 'string' and tonumber(string.match(memory, '\n' .. name .. ':(%d+)')) or 0
  end
  return figure('used_memory') - figure('mem_not_counted_for_evict'), figure('maxmemory')
end

-- Whether the store is so full that a step which is to free memory must not add events.
local function is_full()
  local used, limit = used_and_limit()
  return limit > 0 and used > limit * FULL_SHARE
end

-- Whether all but the events uses so much that ended deliveries have to go early.
local function is_crowded()
  local used, limit = used_and_limit()
  for _, bytes in ipairs(redis.call('HVALS', K_EVENT_BYTES)) do used = used - bytes end
  return limit > 0 and used > limit * CROWDED_SHARE
end

-- Returns how many of these `bytes` the events may keep, or nil for any number.
local function events_budget(bytes)
  local used, limit = used_and_limit()
  if limit == 0 then return K_EVENTS_BYTES > 0 and K_EVENTS_BYTES or nil end
  local most = K_EVENTS_BYTES > 0 and K_EVENTS_BYTES or limit * K_EVENTS_PERCENT / 100
  return math.min(most, math.max(limit * CALM_SHARE - (used - bytes), limit * LEAST_SHARE))
end

-- Measures the log of a tenant; returns how large all are together.
local function measure_log(tenant) return note_log(tenant, memory_of(K_LOG .. tenant)) end

-- Measures the bus, and trims it and up to `most` of the largest logs if all together use too much.
-- `logs`: how large the logs are.
local function trim_events(logs, now, most)
  redis.call('XTRIM', K_BUS, 'MINID', '~', string.format('%.0f', now - K_BUS_TTL_MS))
  local bus = memory_of(K_BUS)
  local budget = events_budget(bus + logs)
  if budget and bus > budget * BUS_SHARE then bus = shrink(K_BUS, bus, budget * BUS_SHARE * TRIM_TO, LEAST_BUS_EVENTS) end
  redis.call('HSET', K_EVENT_BYTES, 'bus', math.floor(bus))
  if not budget or logs + bus <= budget then return end
  for _ = 1, most do
    local excess = logs + bus - budget * TRIM_TO
    local largest = redis.call('ZREVRANGE', K_LOG_SIZES, 0, 0, 'WITHSCORES')
    if excess <= 0 or not largest[1] then break end
    local bytes = tonumber(largest[2])
    -- At most half of one log at a time: the next largest has its turn.
    logs = note_log(largest[1], shrink(K_LOG .. largest[1], bytes, bytes - math.min(excess, bytes / 2), 1))
  end
end
