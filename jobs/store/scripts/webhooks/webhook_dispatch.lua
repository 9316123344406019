--!flags no-cluster allow-oom
--!include _clock _webhook
--!args tenant event_key group entry body event_id event_type
--!rows delivery_id target_id url origin max_in_flight
-- Turns a reference of the outbox into deliveries, one for each target, and acknowledges it. An
-- event that goes to many takes several calls, of which the last acknowledges. Only that call's
-- deliveries may take the priority lane: those of a large fan-out or of a past event do not go
-- before those of others.
--
-- KEYS  none: event, target, delivery and its indexes, queues, ring, doorbell, outbox.
-- Args  event_key: its sequence. entry: the outbox entry to acknowledge; "" for not yet, or none.
--       body, event_id and event_type: of a past event, which may not be kept any more; else "". Of
--       each delivery, url and origin are "" for an endpoint, and max_in_flight is for an origin that is
--       new.
-- Answer how many deliveries were made.
--
-- Sent twice: deliveries that are there are left alone; an entry that was acknowledged is gone.

local now = now_ms()
local key = K_EVENT .. tenant .. ':' .. event_key
local made = 0

if #ROWS > 0 then
  local event = redis.call('HMGET', key, 'id', 'type')
  if not event[1] and body ~= '' then
    redis.call('HSET', key, 'id', event_id, 'type', event_type, 'body', body)
    event = { event_id, event_type }
  end
  for _, row in ipairs(ROWS) do
    local target_id = row.target_id
    local target = event[1] and load_target(target_id, now)
    if event[1] and not is_endpoint(target_id) and not (target and target.origin) then
      redis.call('HSETNX', K_WEBHOOK_TARGET .. target_id, 'max', row.max_in_flight)
      redis.call('HSET', K_WEBHOOK_TARGET .. target_id, 'tenant', tenant, 'origin', row.origin)
      target = load_target(target_id, now)
    end
    -- An endpoint that was deleted meanwhile gets nothing.
    local delivery = target
      and create_delivery(row.delivery_id, target_id, tenant, event_key, event[1], event[2], row.url, now)
    if delivery then
      made = made + 1
      enqueue(row.delivery_id, delivery, target, now)
      save_delivery(row.delivery_id, delivery)
      offer(target_id, target, now, entry ~= '')
    end
  end
end

if entry ~= '' then
  redis.call('XACK', K_OUTBOX, group, entry)
  redis.call('XDEL', K_OUTBOX, entry)
  forget_event_unless_needed(tenant, event_key)
end
return made
