--!flags no-cluster allow-oom
--!include _clock
-- Renews the leases of one worker in one call, and tells which claims are not current any more.
--
-- KEYS  none: job, leases.
-- ARGV  1 lease (ms), then pairs: job id, claim
-- Answer flat triples job id, claim, "cancelled" | "lost" for each claim that must stop; current ones are not named.
--
-- Sent twice: leases end a little later.

local lease_end = string.format('%.0f', now_ms() + ARGV[1])
local stop = {}
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  local record = redis.call('HMGET', K_JOB .. id, 'claim', 'status')
  if record[1] == ARGV[i + 1] and redis.call('ZSCORE', K_LEASES, id) then
    redis.call('ZADD', K_LEASES, 'XX', lease_end, id)
  else
    stop[#stop + 1] = id
    stop[#stop + 1] = ARGV[i + 1]
    stop[#stop + 1] = record[2] == 'cancelled' and 'cancelled' or 'lost'
  end
end
return stop
