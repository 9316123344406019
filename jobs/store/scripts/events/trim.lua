--!flags no-cluster allow-oom
--!include _clock _trim
--!args cursor
-- Removes events that are too old, and those for which there is no room, from some of the logs. The
-- logs trim themselves as they grow; this is for those that do not grow.
--
-- KEYS  none: logs and their sizes, bus.
-- ARGV  cursor: of ZSCAN, "0" to begin with
-- Answer the cursor to go on from, "0" after the last log
--
-- Sent twice: what was removed is gone.

local AT_ONCE = 100
local now = now_ms()
local oldest_kept = rfc3339(now - K_LOG_TTL_MS)

-- Returns the sequence and the timestamp of the first event of a log at or after a sequence.
local function event_from(log, sequence)
  local entry = redis.call('XRANGE', log, sequence, '+', 'COUNT', 1)[1]
  if not entry then return nil end
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'e' then
      return tonumber(string.match(entry[1], '^%d+')), string.match(entry[2][i + 1], '"timestamp":"([^"]+)"')
    end
  end
end

-- Removes the events before the first one that is young enough, found by halving.
local function trim_by_age(log)
  local low, timestamp = event_from(log, '-')
  if not low or timestamp >= oldest_kept then return end
  local high = tonumber(string.match(redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1][1], '^%d+')) + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    local _, at = event_from(log, middle .. '-0')
    if at and at < oldest_kept then low = middle + 1 else high = middle end
  end
  redis.call('XTRIM', log, 'MINID', low .. '-0')
end

local looked, logs = 0, nil
local function look(tenant)
  trim_by_age(K_LOG .. tenant)
  looked, logs = looked + 1, measure_log(tenant)
end

-- An earlier release measured no logs. If it has filled the store, they do not grow, and so would
-- never be measured: the bus names some of their tenants.
if cursor == '0' then
  local unknown = {}
  for _, ends in ipairs({ { 'XRANGE', '-', '+' }, { 'XREVRANGE', '+', '-' } }) do
    for _, entry in ipairs(redis.call(ends[1], K_BUS, ends[2], ends[3], 'COUNT', AT_ONCE)) do
      local tenant = entry[2][2]
      if not redis.call('ZSCORE', K_LOG_SIZES, tenant) then unknown[tenant] = true end
    end
  end
  for tenant in pairs(unknown) do look(tenant) end
end

local page = redis.call('ZSCAN', K_LOG_SIZES, cursor, 'COUNT', AT_ONCE)
for i = 1, #page[2], 2 do
  look(page[2][i])
end
if logs then trim_events(logs, now, LARGEST_LOGS * looked) end
return page[1]
