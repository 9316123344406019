--!flags no-cluster allow-oom
--!include _clock _webhook
--!args endpoint_id tenant
-- Removes an endpoint. The next sweeps remove its deliveries; the outcome of a request in flight is
-- dropped.
--
-- KEYS  none: target, endpoints and endpoint ids of the tenant, queues, ring, wake, drain.
-- Answer 1 | 0 if the tenant has no such endpoint
--
-- Sent twice: 0.

local id = endpoint_id
if redis.call('HGET', K_WEBHOOK_TARGET .. id, 'tenant') ~= tenant then return 0 end
next_change(tenant)
redis.call('ZREM', K_ENDPOINTS .. tenant, id)
redis.call('ZREM', K_ENDPOINT_IDS .. tenant, id)
redis.call('ZREM', K_WEBHOOK_RING, id)
redis.call('ZREM', K_WEBHOOK_WAKE, id)
redis.call('DEL', K_WEBHOOK_TARGET .. id, K_WEBHOOK_FRESH .. id, K_WEBHOOK_RETRY .. id)
redis.call('SADD', K_WEBHOOK_DRAIN, id)
return 1
