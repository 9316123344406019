--!flags no-cluster
--!include _clock _webhook
-- Writes an endpoint: a new one, or a change of one that is as the caller has read it.
--
-- KEYS  none: target, endpoints and endpoint ids of the tenant, wake, ring, drain, doorbell.
-- ARGV  1 endpoint id, 2 tenant, 3 change number it was read at ("" for a new one), 4 config (JSON), 5 sealed, 6 url,
--       7 status, 8 max in flight, 9 milliseconds between requests ("" for no rate)
-- Answer {"ok" | "changed" | "missing"}
--
-- Sent twice: a new one is found as it was written; a change finds its own change and says "changed".

local id, tenant, status = ARGV[1], ARGV[2], ARGV[7]
local key = K_WEBHOOK_TARGET .. id
local known = redis.call('HMGET', key, 'tenant', 'changed', 'status')
if ARGV[3] == '' then
  if known[1] == tenant then return 'ok' end
elseif known[1] ~= tenant then
  return 'missing'
elseif known[2] ~= ARGV[3] then
  return 'changed'
end

local now = now_ms()
local change = next_change(tenant)
if ARGV[3] == '' then
  redis.call('HSET', key, 'tenant', tenant, 'created', whole(now),
    'first', (redis.call('HGET', K_TENANT .. tenant, 'sequence') or 0) + 1)
  redis.call('ZADD', K_ENDPOINT_IDS .. tenant, 0, id)
end
redis.call('ZADD', K_ENDPOINTS .. tenant, change, id)
redis.call('HSET', key, 'config', ARGV[4], 'sealed', ARGV[5], 'url', ARGV[6], 'status', status, 'max', ARGV[8],
  'changed', change, 'updated', whole(now))
if ARGV[9] == '' then redis.call('HDEL', key, 'rate', 'paced') else redis.call('HSET', key, 'rate', ARGV[9]) end

if status == 'disabled' and known[3] ~= 'disabled' then
  redis.call('HSET', key, 'reason', 'requested', 'disabled', whole(now))
  redis.call('SADD', K_WEBHOOK_DRAIN, id)
elseif status ~= 'disabled' and known[3] == 'disabled' then
  -- It starts with a clean slate, and with one request at a time.
  redis.call('HDEL', key, 'reason', 'disabled', 'failing', 'failures', 'opens', 'held')
  redis.call('HSET', key, 'window', 1)
  redis.call('SREM', K_WEBHOOK_DRAIN, id)
end
offer(id, load_target(id), now)
return 'ok'
