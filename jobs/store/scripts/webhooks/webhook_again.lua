--!flags no-cluster
--!include _clock _webhook
--!args tenant target_id since_ms limit delivery_id
-- Starts deliveries over that have ended: a new round of attempts, with the same event and the same
-- id. Either the one named by delivery_id; or up to `limit` deliveries to a target that were
-- created since `since_ms` and were exhausted or discarded.
--
-- KEYS  none: delivery and its indexes, queues, target, ring, expiry, doorbell.
-- Answer how many were started over | "missing" | "unfinished" (it has not ended, or its target is
--        disabled)
--
-- Sent twice: deliveries that wait already are left alone.

local now = now_ms()

local function start_over(id, delivery, target)
  for _, name in ipairs({ 'finished', 'faults', 'lost', 'round', 'due', 'settled' }) do drop(delivery, name) end
  note(delivery, 'attempt', 0)
  redis.call('ZREM', K_WEBHOOK_EXPIRY, id)
  set_status(id, delivery, 'pending')
  delivery.claim = 'again' -- among the retries: what is new goes first
  enqueue(id, delivery, target, now)
  save_delivery(id, delivery)
end

if delivery_id ~= '' then
  local delivery = load_delivery(delivery_id)
  local target = delivery and delivery.tenant == tenant and load_target(delivery.target, now)
  if not target then return 'missing' end
  if delivery.status == 'pending' or delivery.status == 'sending' or target.status == 'disabled' then
    return 'unfinished'
  end
  start_over(delivery_id, delivery, target)
  offer(delivery.target, target, now)
  return 1
end

local target = load_target(target_id, now)
if not target or target.tenant ~= tenant then return 'missing' end
if target.status == 'disabled' then return 'unfinished' end
local started = 0
for _, status in ipairs({ 'exhausted', 'discarded' }) do
  local index = K_DELIVERIES .. target_id .. ':' .. status
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, since_ms, '+inf', 'LIMIT', 0, limit - started)) do
    local delivery = load_delivery(id)
    if not delivery then
      forget_vanished_delivery(id, target_id)
    elseif delivery.test then
      remove_delivery(id, delivery) -- a failed test is not sent again
    else
      start_over(id, delivery, target)
    end
    started = started + 1
  end
end
offer(target_id, target, now)
return started
