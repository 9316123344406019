--!flags no-cluster allow-oom
-- Begins a new epoch of a tenant's log where the log has lost an event that somebody has seen: after a failover or a
-- power cut, with a store that does not keep all acknowledged writes. Cursors of the old epoch are worthless then.
--
-- KEYS  none: tenant, log.
-- ARGV  1 tenant, 2 epoch the event was seen in, 3 its sequence, 4 its id, 5 the new epoch
-- Answer the epoch in force, or false where there is no log
--
-- Sent twice, or by several processes: the epoch is not the one that was seen any more, so it stays as it is.

local seen = tonumber(ARGV[3])
local position = redis.call('HMGET', K_TENANT .. ARGV[1], 'epoch', 'sequence')
local epoch, sequence = position[1], tonumber(position[2] or 0)
if epoch ~= ARGV[2] then return epoch end

local log = K_LOG .. ARGV[1]
local entry = redis.call('XRANGE', log, seen .. '-0', seen .. '-0')[1]
if entry then
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'e' and string.find(entry[2][i + 1], '{"id":"' .. ARGV[4] .. '"', 1, true) == 1 then
      return epoch
    end
  end
elseif sequence >= seen then
  local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if not oldest or tonumber(string.match(oldest[1], '^%d+')) > seen then return epoch end -- trimmed, not lost
end
redis.call('HSET', K_TENANT .. ARGV[1], 'epoch', ARGV[5])
return ARGV[5]
