--!flags no-cluster allow-oom
--!include _clock
--!args lease_ms
--!rows id claim
-- Renews the leases of one worker in one call, and returns the claims that are not current now.
--
-- KEYS  none: job, leases.
-- ARGV  a row for each claim
-- Answer flat triples id, claim, "cancelled" | "lost" for each claim whose run must stop
--
-- Sent twice: leases end a little later.

local lease_end = string.format('%.0f', now_ms() + lease_ms)
local stop = {}
for _, held in ipairs(ROWS) do
  local claim, status = unpack(redis.call('HMGET', K_JOB .. held.id, 'claim', 'status'))
  if claim == held.claim and redis.call('ZSCORE', K_LEASES, held.id) then
    redis.call('ZADD', K_LEASES, 'XX', lease_end, held.id)
  else
    stop[#stop + 1] = held.id
    stop[#stop + 1] = held.claim
    stop[#stop + 1] = status == 'cancelled' and 'cancelled' or 'lost'
  end
end
return stop
