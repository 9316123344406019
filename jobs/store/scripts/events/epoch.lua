--!flags no-cluster allow-oom
--!args tenant seen_epoch seen_sequence event_id new_epoch
-- Begins a new epoch of a tenant's log if the log has lost an event that a process has seen. That
-- happens after a failover or a power cut, with a store that does not keep all acknowledged writes.
-- Cursors of the old epoch are invalid then.
--
-- KEYS  none: tenant, log.
-- ARGV  seen_* and event_id are of the newest event that the process has seen.
-- Answer the epoch in force, or false if there is no log
--
-- Sent twice, or by several processes: the epoch in force is not seen_epoch any more, so it stays
-- as it is.

local seen = tonumber(seen_sequence)
local position = redis.call('HMGET', K_TENANT .. tenant, 'epoch', 'sequence')
local epoch, sequence = position[1], tonumber(position[2] or 0)
if epoch ~= seen_epoch then return epoch end

local log = K_LOG .. tenant
local entry = redis.call('XRANGE', log, seen .. '-0', seen .. '-0')[1]
if entry then
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'e' and string.find(entry[2][i + 1], '{"id":"' .. event_id .. '"', 1, true) == 1 then
      return epoch
    end
  end
elseif sequence >= seen then
  local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if not oldest or tonumber(string.match(oldest[1], '^%d+')) > seen then return epoch end -- trimmed, not lost
end
redis.call('HSET', K_TENANT .. tenant, 'epoch', new_epoch)
return new_epoch
