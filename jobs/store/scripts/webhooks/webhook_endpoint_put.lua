--!flags no-cluster
--!include _clock _webhook
--!args endpoint_id tenant read_at config sealed url origin status max_in_flight interval_ms
-- Writes a new endpoint, or changes one if nobody else has changed it since the caller read it.
--
-- KEYS  none: target, endpoints and endpoint ids of the tenant, wake, ring, drain, doorbell.
-- Args  read_at: number of its last change when it was read; "" for a new one. interval_ms: between
--       requests; "" for no rate.
-- Answer {"ok" | "changed" | "missing" | "full"}; "full" if the tenant has as many as it may have
--
-- Sent twice: a new one is found as it was written; a change finds its own change and says
-- "changed".

local id = endpoint_id
local key = K_WEBHOOK_TARGET .. id
local known = redis.call('HMGET', key, 'tenant', 'changed', 'status')
if read_at == '' then
  if known[1] == tenant then return 'ok' end
  if redis.call('ZCARD', K_ENDPOINT_IDS .. tenant) >= K_MAX_WEBHOOK_ENDPOINTS then return 'full' end
elseif known[1] ~= tenant then
  return 'missing'
elseif known[2] ~= read_at then
  return 'changed'
end

local now = now_ms()
local change = next_change(tenant)
if read_at == '' then
  redis.call('HSET', key, 'tenant', tenant, 'created', whole(now),
    'first', (redis.call('HGET', K_TENANT .. tenant, 'sequence') or 0) + 1)
  redis.call('ZADD', K_ENDPOINT_IDS .. tenant, 0, id)
end
redis.call('ZADD', K_ENDPOINTS .. tenant, change, id)
redis.call('HSET', key, 'config', config, 'sealed', sealed, 'url', url, 'origin', origin, 'status', status, 'max', max_in_flight,
  'changed', change, 'updated', whole(now))
if interval_ms == '' then
  redis.call('HDEL', key, 'rate', 'paced')
else
  redis.call('HSET', key, 'rate', interval_ms)
end

if status == 'disabled' and known[3] ~= 'disabled' then
  redis.call('HSET', key, 'reason', 'requested', 'disabled', whole(now))
  redis.call('SADD', K_WEBHOOK_DRAIN, id)
elseif status ~= 'disabled' and known[3] == 'disabled' then
  -- It starts with a clean slate, and with one request at a time.
  redis.call('HDEL', key, 'reason', 'disabled', 'failing', 'failures', 'opens', 'held')
  redis.call('HSET', key, 'window', 1)
  redis.call('SREM', K_WEBHOOK_DRAIN, id)
end
offer(id, load_target(id, now), now)
return 'ok'
