--!flags no-cluster allow-oom
--!include _clock
--!args tenant process connections subscriptions lease_ms
-- Notes how many connections and subscriptions of a tenant a process serves, and returns how many
-- all other processes serve. What a process noted is forgotten when its lease ends.
--
-- KEYS  none: presence.
-- Answer {connections, subscriptions} of all other processes
--
-- Sent twice: the same, with a newer lease.

local key, now = K_PRESENCE .. tenant, now_ms()
local other_connections, other_subscriptions = 0, 0
local noted = redis.call('HGETALL', key)
for i = 1, #noted, 2 do
  local theirs, followed, ends = string.match(noted[i + 1], '^(%d+) (%d+) (%d+)$')
  if tonumber(ends) <= now or tonumber(ends) > now + lease_ms + K_CLOCK_STEP_MS then -- the clock was set back
    redis.call('HDEL', key, noted[i])
  elseif noted[i] ~= process then
    other_connections = other_connections + theirs
    other_subscriptions = other_subscriptions + followed
  end
end
if connections == '0' then
  redis.call('HDEL', key, process)
else
  redis.call('HSET', key, process, connections .. ' ' .. subscriptions .. ' ' .. string.format('%.0f', now + lease_ms))
  redis.call('PEXPIRE', key, lease_ms)
end
return { other_connections, other_subscriptions }
