--!flags no-cluster allow-oom
--!include _clock _webhook
-- Turns a reference of the outbox into deliveries, one for each target, and acknowledges it. An event that goes to
-- very many takes several calls, of which the last acknowledges. Only that call's deliveries may take the priority
-- lane: those of a large fan-out or of a past event do not go before those of others.
--
-- KEYS  none: event, target, delivery and its indexes, queues, ring, doorbell, outbox.
-- ARGV  1 tenant, 2 event key (sequence), 3 group, 4 outbox entry to acknowledge ("" for not yet, or none),
--       5 body and 6 event id and 7 type, where the event may not be kept any more (replay; else ""),
--       then for each delivery: id, target, url ("" for an endpoint), default max in flight of a new origin
-- Answer how many deliveries were made.
--
-- Sent twice: deliveries that are there are left alone; an entry that was acknowledged is gone.

local tenant, event_key = ARGV[1], ARGV[2]
local now = now_ms()
local key = K_EVENT .. tenant .. ':' .. event_key
local made = 0

if #ARGV > 7 then
  local event = redis.call('HMGET', key, 'id', 'type')
  if not event[1] and ARGV[5] ~= '' then
    redis.call('HSET', key, 'id', ARGV[6], 'type', ARGV[7], 'body', ARGV[5])
    event = { ARGV[6], ARGV[7] }
  end
  for i = 8, #ARGV, 4 do
    local id, target_id, url = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local target = event[1] and load_target(target_id)
    if event[1] and not target and not is_endpoint(target_id) then
      redis.call('HSET', K_WEBHOOK_TARGET .. target_id, 'tenant', tenant, 'max', ARGV[i + 3])
      target = load_target(target_id)
    end
    -- An endpoint that was deleted meanwhile is owed nothing.
    local delivery = target and create_delivery(id, target_id, target, tenant, event_key, event[1], event[2], url, now)
    if delivery then
      made = made + 1
      enqueue(id, delivery, target, now)
      save_delivery(id, delivery)
      offer(target_id, target, now, ARGV[4] ~= '')
    end
  end
end

if ARGV[4] ~= '' then
  redis.call('XACK', K_OUTBOX, ARGV[3], ARGV[4])
  redis.call('XDEL', K_OUTBOX, ARGV[4])
  forget_event_unless_owed(tenant, event_key)
end
return made
