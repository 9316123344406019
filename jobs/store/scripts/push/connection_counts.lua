--!flags no-cluster allow-oom
--!include _clock
-- Says how many clients and subscriptions of a tenant a process serves, and learns how many the others do. What a
-- process said is forgotten when its lease has run out.
--
-- KEYS  none: presence.
-- ARGV  1 tenant, 2 process, 3 connections, 4 subscriptions, 5 lease (ms)
-- Answer {connections, subscriptions} of all other processes
--
-- Sent twice: the same, with a newer lease.

local key, now = K_PRESENCE .. ARGV[1], now_ms()
local connections, subscriptions = 0, 0
local said = redis.call('HGETALL', key)
for i = 1, #said, 2 do
  local theirs, followed, ends = string.match(said[i + 1], '^(%d+) (%d+) (%d+)$')
  if tonumber(ends) <= now then
    redis.call('HDEL', key, said[i])
  elseif said[i] ~= ARGV[2] then
    connections = connections + theirs
    subscriptions = subscriptions + followed
  end
end
if ARGV[3] == '0' then
  redis.call('HDEL', key, ARGV[2])
else
  redis.call('HSET', key, ARGV[2], ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. string.format('%.0f', now + ARGV[5]))
  redis.call('PEXPIRE', key, ARGV[5])
end
return { connections, subscriptions }
