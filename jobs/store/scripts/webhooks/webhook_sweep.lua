--!flags no-cluster allow-oom
--!include _clock _event _webhook _webhook_exhaust
--!args limit
-- Removes deliveries that have expired, and ends those of targets that were disabled or deleted; up
-- to `limit` of each. In a crowded store, deliveries that have succeeded or were discarded go early,
-- oldest first.
--
-- KEYS  none: expiry, drain, delivery and its indexes, queues, due, leases, event, target, and what
--       events write.
-- Answer how many were handled; call again until it is 0.
--
-- Sent twice: what was handled is gone.

local LEAST_KEPT_MS = 600000 -- so that an event which is dispatched again makes no second delivery
local LOOKED_AT = 1000 -- of the oldest; exhausted ones are left, because they may be recovered
local now = now_ms()
forget_plans(K_WEBHOOK_DUE_PLANNED, now)
local handled = 0

for _, id in ipairs(due_ids(K_WEBHOOK_EXPIRY, now, limit)) do
  local delivery = load_delivery(id)
  redis.call('ZREM', K_WEBHOOK_EXPIRY, id)
  if delivery then remove_delivery(id, delivery) else note_vanished('deliveries', id) end
  handled = handled + 1
end

if is_crowded() then
  local youngest = string.format('%.0f', now + K_DELIVERY_TTL_MS - LEAST_KEPT_MS)
  local removed = 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', K_WEBHOOK_EXPIRY, '-inf', youngest, 'LIMIT', 0, LOOKED_AT)) do
    if removed == tonumber(limit) then break end
    local status = redis.call('HGET', K_DELIVERY .. id, 'status')
    if status == 'succeeded' or status == 'discarded' then
      remove_delivery(id, load_delivery(id))
      removed = removed + 1
    end
  end
  handled = handled + removed
end

local function drain(target_id, target)
  local index = K_DELIVERIES .. target_id
  local newest = redis.call('HGET', K_WEBHOOK_TARGET .. target_id, 'given_up') or '+inf'
  local ids = redis.call('ZRANGEBYSCORE', target and index .. ':pending' or index, '-inf', newest, 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do
    local delivery = load_delivery(id)
    if not delivery then
      forget_vanished_delivery(id, target_id)
    elseif not target then
      remove_delivery(id, delivery)
    else
      redis.call('ZREM', K_WEBHOOK_FRESH .. target_id, id)
      redis.call('ZREM', K_WEBHOOK_RETRY .. target_id, id)
      leave_webhook_due(id)
      if is_endpoint(target_id) then
        finish_delivery(id, delivery, 'discarded', now)
      else
        exhaust(id, delivery, now)
      end
      save_delivery(id, delivery)
    end
  end
  return #ids
end

local target_id = redis.call('SRANDMEMBER', K_WEBHOOK_DRAIN)
if target_id then
  local target = load_target(target_id, now)
  local is_wanted = target and is_endpoint(target_id) and target.status ~= 'disabled'
  local drained = is_wanted and 0 or drain(target_id, target)
  if drained < tonumber(limit) then redis.call('SREM', K_WEBHOOK_DRAIN, target_id) end
  handled = handled + math.max(drained, 1)
end
return handled
