--!flags no-cluster
--!include _clock _webhook
--!args delivery_id endpoint_id tenant event_id
-- Queues one delivery of a `webhook.test` event, which is in no log, to an endpoint. It goes before
-- all others, even if the endpoint is paused or disabled, and is tried once.
--
-- KEYS  none: target, event, delivery and its indexes, tests, doorbell.
-- Answer 1 | 0 if the tenant has no such endpoint
--
-- Sent twice: the delivery is there already.

local id, target_id = delivery_id, endpoint_id
local now = now_ms()
local target = load_target(target_id, now)
if not target or target.tenant ~= tenant then return 0 end
local key = K_EVENT .. tenant .. ':' .. event_id
if redis.call('EXISTS', K_DELIVERY .. id) == 1 then return 1 end
redis.call('HSET', key, 'id', event_id, 'type', 'webhook.test', 'body', table.concat({
  '{"id":"', event_id, '","type":"webhook.test","timestamp":"', rfc3339(now),
  '","sequence":null,"data":{"webhook_endpoint":{"id":"', target_id, '"}}}',
}))
local delivery = create_delivery(id, target_id, tenant, event_id, event_id, 'webhook.test', '', now)
note(delivery, 'test', 1)
note(delivery, 'since', whole(now))
save_delivery(id, delivery)
redis.call('LPUSH', K_WEBHOOK_TESTS, id)
ring_webhook_doorbell('priority')
return 1
