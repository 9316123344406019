-- Time is the store's, in Unix milliseconds.

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- A clock may be set back: it was ahead, or a failover chose a machine whose clock is behind. Times
-- written before are too far ahead then. The functions below keep them from stopping anything
-- until the clock has caught up; docs/architecture.md lists all such times.

-- Returns the members of a set that are due, up to `most`; with their scores if `scores`. Also
-- returns those that are further ahead than `longest_ms`, the longest that one may be when it is
-- written.
local function due_ids(key, now, most, longest_ms, scores)
  local found = redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, most, unpack(scores and { 'WITHSCORES' } or {}))
  if longest_ms then
    local ahead = redis.call('ZRANGEBYSCORE', key, now + longest_ms + K_CLOCK_STEP_MS, '+inf', 'LIMIT', 0, most,
      unpack(scores and { 'WITHSCORES' } or {}))
    for _, each in ipairs(ahead) do found[#found + 1] = each end
  end
  return found
end

-- Starts waits again that were planned while the clock was ahead, up to `most`: each has its whole
-- length, from now. `due_key` has when each ends, `planned_key` when each was planned. Returns the
-- ids, and their new ends by id.
local function plan_again(due_key, planned_key, now, most)
  local ids, ends = redis.call('ZRANGEBYSCORE', planned_key, now + K_CLOCK_STEP_MS, '+inf', 'LIMIT', 0, most), {}
  for _, id in ipairs(ids) do
    local due = redis.call('ZSCORE', due_key, id)
    if due then
      ends[id] = string.format('%.0f', now + math.max(0, due - redis.call('ZSCORE', planned_key, id)))
      redis.call('ZADD', due_key, ends[id], id)
      redis.call('ZADD', planned_key, now, id)
    else
      redis.call('ZREM', planned_key, id) -- see forget_plans
    end
  end
  return ids, ends
end

-- Removes what a process of an earlier release, which does not know this key, left in it.
local function forget_plans(planned_key, now)
  redis.call('ZREMRANGEBYSCORE', planned_key, '-inf', now - K_LONGEST_PAUSE_MS)
end

-- Returns the score with which a new member comes after all others with scores in a range: `now`,
-- or one more than the newest if that one is later than `now`.
local function after_newest(key, now, from, to)
  local newest = redis.call('ZREVRANGEBYSCORE', key, to or '+inf', from or '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  return newest and tonumber(newest) > now and newest + 1 or now
end

local formatted = {} -- one script writes the same few times again and again

-- RFC 3339 in UTC with milliseconds. Days to date as in Howard Hinnant's public-domain algorithm.
local function rfc3339(ms)
  if formatted[ms] then return formatted[ms] end
  local seconds = math.floor(ms / 1000)
  local days = math.floor(seconds / 86400)
  local rest = seconds - days * 86400
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  formatted[ms] = string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month,
    doy - math.floor((153 * mp + 2) / 5) + 1,
    math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60, ms - seconds * 1000)
  return formatted[ms]
end
