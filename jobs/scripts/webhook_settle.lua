--!flags no-cluster allow-oom
--!include _clock _event _webhook _webhook_disable
-- Writes down how a delivery attempt ended, by the current claim only: the delivery's next state, and what its target
-- may do from now on.
--
-- KEYS  none: delivery and its indexes, target, queues, ring, due, wake, leases, drain, expiry, doorbell, verdict, and
--       what events write.
-- ARGV  1 delivery, 2 claim, 3 outcome (succeeded | failed | gone | fault: ours, which costs the receiver nothing),
--       4 ms until the next attempt (-1: there is none), 5 the attempt (JSON), 6 ms to leave the target alone
--       (Retry-After), 7 a random number below 1, 8 how long the exchange took (ms)
-- Answer {"ok", status of the delivery, why the endpoint was disabled just now or ""} | {"lost"}
--
-- Sent twice: `settled` names this claim; the status is told again and nothing is written.

local id, claim, outcome, delay = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local delivery = load_delivery(id)
if not delivery then return { 'lost' } end
if delivery.settled == claim then return { 'ok', delivery.status, '' } end
if delivery.status ~= 'sending' or delivery.claim ~= claim then return { 'lost' } end

local now = now_ms()
local target = load_target(delivery.target)
release_slot(id, delivery, target)
if not target then
  remove_delivery(id, delivery)
  return { 'lost' }
end
note_attempt(id, claim, ARGV[5])
redis.call('HSET', K_DELIVERY .. id, 'settled', claim)
redis.call('HDEL', K_DELIVERY .. id, 'lost')

if delivery.test then
  finish_delivery(id, delivery, outcome == 'succeeded' and 'succeeded' or 'exhausted', now)
  redis.call('LPUSH', K_WEBHOOK_VERDICT .. id, ARGV[5])
  redis.call('PEXPIRE', K_WEBHOOK_VERDICT .. id, 60000)
  return { 'ok', delivery.status, '' }
end

local key = K_WEBHOOK_TARGET .. delivery.target
local disabled = ''

local function note_success()
  redis.call('HINCRBY', key, 'ok', 1)
  redis.call('HINCRBY', key, 'millis', ARGV[8])
  redis.call('HSET', key, 'last_ok', whole(now))
  if target.failing then redis.call('HDEL', key, 'failing', 'failures', 'opens', 'held') end
  -- After the breaker was open, requests come back one by one, a few more with every success.
  if target.failures >= BREAKER_FAILURES then
    target.window = 2
  elseif target.window then
    target.window = target.window + 1
  end
  target.failures, target.failing, target.held = 0, nil, nil
  if target.window then
    if target.window >= target.max then
      redis.call('HDEL', key, 'window')
    else
      redis.call('HSET', key, 'window', target.window)
    end
  end
end

local function note_failure()
  target.failures = redis.call('HINCRBY', key, 'failures', 1)
  redis.call('HINCRBY', key, 'bad', 1)
  redis.call('HSET', key, 'last_bad', whole(now))
  if redis.call('HSETNX', key, 'failing', whole(now)) == 1 then target.failing = now end
  if target.failures >= BREAKER_FAILURES and (target.held or 0) <= now then
    local opens = math.min(redis.call('HINCRBY', key, 'opens', 1), 20)
    local open_ms = math.min(BREAKER_FIRST_MS * 2 ^ (opens - 1), BREAKER_LONGEST_MS)
    hold(delivery.target, target, now + open_ms * (0.75 + 0.5 * ARGV[7]))
  end
  if target.status ~= 'disabled' and now - target.failing >= DISABLE_AFTER_MS then
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
  redis.call('HINCRBY', K_DELIVERY .. id, 'attempt', 1)
  redis.call('HDEL', K_DELIVERY .. id, 'faults')
else
  redis.call('HINCRBY', K_DELIVERY .. id, 'faults', 1)
end
if tonumber(ARGV[6]) > 0 and (target.held or 0) < now + ARGV[6] then
  hold(delivery.target, target, now + ARGV[6])
end

if outcome == 'succeeded' then
  finish_delivery(id, delivery, 'succeeded', now)
elseif delay < 0 then
  finish_delivery(id, delivery, 'exhausted', now)
elseif target.status == 'disabled' or (disabled ~= '' and is_endpoint(delivery.target)) then
  finish_delivery(id, delivery, 'discarded', now)
else
  set_status(id, delivery, 'pending')
  schedule(id, now + delay)
end

if disabled ~= '' then
  give_up_on(delivery.target, target, disabled, now)
else
  offer(delivery.target, target, now)
end
return { 'ok', delivery.status, disabled }
