--!flags no-cluster allow-oom
--!include _clock _event _webhook _webhook_disable _webhook_exhaust
--!args delivery_id claim outcome delay_ms attempt leave_ms chance took_ms
-- Writes how an attempt ended, for the current claim only: the next state of the delivery, and what
-- its target may do from now on.
--
-- KEYS  none: delivery and its indexes, target, queues, ring, due, wake, leases, drain, expiry,
--       doorbell, verdict, and what events write.
-- Args  outcome: succeeded | failed | gone | fault (ours, uses no attempt). delay_ms: until the
--       next attempt, "" if there is none. attempt: JSON. leave_ms: to leave the target alone
--       (Retry-After). chance: a random number below 1. took_ms: the exchange.
-- Answer {"ok", status of the delivery, why the endpoint was disabled just now or ""} | {"lost"}
--
-- Sent twice: `settled` names this claim; the status is told again and nothing is written.

local id = delivery_id
local delivery = load_delivery(id)
if not delivery then return { 'lost' } end
if delivery.settled == claim then return { 'ok', delivery.status, '' } end
if delivery.status ~= 'sending' or delivery.claim ~= claim then return { 'lost' } end

local now = now_ms()
local target = load_target(delivery.target, now)
release_slot(id, delivery, target)
if not target then
  remove_delivery(id, delivery)
  return { 'lost' }
end
note_attempt(delivery, claim, attempt)
note(delivery, 'settled', claim)
drop(delivery, 'lost')

if delivery.test then
  finish_delivery(id, delivery, outcome == 'succeeded' and 'succeeded' or 'exhausted', now)
  save_delivery(id, delivery)
  redis.call('LPUSH', K_WEBHOOK_VERDICT .. id, attempt)
  redis.call('PEXPIRE', K_WEBHOOK_VERDICT .. id, 60000)
  return { 'ok', delivery.status, '' }
end

local disabled = ''

local function note_success()
  note(target, 'ok', (target.ok or 0) + 1)
  note(target, 'millis', (target.millis or 0) + took_ms)
  note(target, 'last_ok', whole(now))
  -- After the breaker was open, requests come back one by one, a few more with every success.
  local window = target.failures >= K_WEBHOOK_BREAKER_FAILURES and 2 or target.window and target.window + 1
  if window and window < target.max then note(target, 'window', window) else drop(target, 'window') end
  if target.failing then
    for _, name in ipairs({ 'failing', 'failures', 'opens', 'held' }) do drop(target, name) end
    target.failures = 0
    redis.call('ZREM', K_WEBHOOK_BROKEN, delivery.target)
  end
end

local function note_failure()
  note(target, 'failures', target.failures + 1)
  note(target, 'bad', (target.bad or 0) + 1)
  note(target, 'last_bad', whole(now))
  if not target.failing then note(target, 'failing', now) end
  if target.failures >= K_WEBHOOK_BREAKER_FAILURES and (target.held or 0) <= now then
    note(target, 'opens', (target.opens or 0) + 1)
    local open_ms = math.min(K_WEBHOOK_BREAKER_FIRST_MS * 2 ^ (math.min(target.opens, 20) - 1),
      K_WEBHOOK_BREAKER_LONGEST_MS)
    hold(delivery.target, target, now + open_ms * (0.75 + 0.5 * chance))
    redis.call('ZADD', K_WEBHOOK_BROKEN, whole(target.held), delivery.target)
  end
  if target.status ~= 'disabled' and now - target.failing >= K_WEBHOOK_DISABLE_AFTER_MS then
    disabled = 'failing'
  end
end

if outcome == 'succeeded' then
  note_success()
elseif outcome == 'failed' then
  note_failure()
elseif outcome == 'gone' then
  note_failure()
  if target.status ~= 'disabled' and is_endpoint(delivery.target) then disabled = 'gone' end
end
if outcome ~= 'fault' then
  note(delivery, 'attempt', delivery.attempt + 1)
  drop(delivery, 'faults')
else
  note(delivery, 'faults', (delivery.faults or 0) + 1)
end
if tonumber(leave_ms) > 0 and (target.held or 0) < now + leave_ms then
  hold(delivery.target, target, now + leave_ms)
end

if outcome == 'succeeded' then
  finish_delivery(id, delivery, 'succeeded', now)
elseif delay_ms == '' then
  exhaust(id, delivery, now)
elseif target.status == 'disabled' or (disabled ~= '' and is_endpoint(delivery.target)) then
  finish_delivery(id, delivery, 'discarded', now)
else
  set_status(id, delivery, 'pending')
  schedule(id, delivery, now + delay_ms, now)
end
save_delivery(id, delivery)
save_target(delivery.target, target)

if disabled ~= '' then
  give_up_on(delivery.target, target, disabled, now)
else
  offer(delivery.target, target, now)
end
return { 'ok', delivery.status, disabled }
