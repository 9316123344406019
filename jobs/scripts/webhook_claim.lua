--!flags no-cluster allow-oom
--!include _clock _webhook
-- One look at the deliveries by one notifier: takes back those whose notifier is gone, promotes what is due, then
-- claims up to `want`, round-robin over targets. Costs the same with ten deliveries waiting or a million.
--
-- KEYS  none: leases, due, wake, ring, tests, queues, target, delivery and its indexes, event, tenant, doorbell.
-- ARGV  1 want, 2 lease (ms), 3 most that any target may have in flight now (a notifier that is busy lowers it)
-- Answer {now, ms until something is due (-1 for never), claims}; a claim is {id, claim number, target, tenant,
--        event id, type, body, attempts used, faults, round start, waiting since, url, sealed, is a test}.
--
-- Sent twice (the first answer was lost): the first call's claims run out and come back with no attempt used.

local PER_CALL = 100 -- promotions and lost leases handled in one call
local RETRY_EVERY = 4 -- of so many turns of a target one is for retries first, the others for fresh deliveries first;
                      -- likewise of the turns of the ring, for targets that have requests under way

local ASIDE_MS = 250 -- how long a target with enough under way stands aside, not to be looked at by every call

local want, lease_ms, cap = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()

local function due_ids(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, PER_CALL)
end

local lost = due_ids(K_WEBHOOK_LEASES)
for _, id in ipairs(lost) do
  local delivery = load_delivery(id)
  redis.call('ZREM', K_WEBHOOK_LEASES, id)
  if delivery and delivery.status == 'sending' then
    local target = load_target(delivery.target)
    release_slot(id, delivery, target)
    -- Nobody knows whether the receiver got it: it comes again, and the receiver's budget stays as it is.
    note_attempt(id, delivery.claim, '{"at":"' .. rfc3339(tonumber(delivery.since)) .. '","error":"interrupted"}')
    redis.call('HINCRBY', K_DELIVERY .. id, 'faults', 1)
    if not target then
      remove_delivery(id, delivery)
    elseif delivery.test then
      finish_delivery(id, delivery, 'exhausted', now)
    else
      set_status(id, delivery, 'pending')
      enqueue(id, delivery, target, now)
      offer(delivery.target, target, now)
    end
  end
end

local promoted = due_ids(K_WEBHOOK_DUE)
for _, id in ipairs(promoted) do
  local delivery = load_delivery(id)
  redis.call('ZREM', K_WEBHOOK_DUE, id)
  if delivery and delivery.status == 'pending' then
    local target = load_target(delivery.target)
    if target then
      redis.call('HDEL', K_DELIVERY .. id, 'due')
      enqueue(id, delivery, target, now)
      offer(delivery.target, target, now)
    end
  end
end

local woken = due_ids(K_WEBHOOK_WAKE)
for _, target_id in ipairs(woken) do
  redis.call('ZREM', K_WEBHOOK_WAKE, target_id)
  local target = load_target(target_id)
  if target then offer(target_id, target, now) end
end

local claims = {}

local function claim(id, delivery)
  local key = K_DELIVERY .. id
  local number = redis.call('HINCRBY', key, 'claim', 1)
  redis.call('HSETNX', key, 'round', whole(now))
  set_status(id, delivery, 'sending')
  redis.call('ZADD', K_WEBHOOK_LEASES, whole(now + lease_ms), id)
  local url, sealed = delivery.url, nil
  if url then
    sealed = redis.call('HGET', K_TENANT .. delivery.tenant, 'webhook_secret')
  else
    url, sealed = unpack(redis.call('HMGET', K_WEBHOOK_TARGET .. delivery.target, 'url', 'sealed'))
  end
  claims[#claims + 1] = {
    id, number, delivery.target, delivery.tenant, delivery.event_id, delivery.type,
    redis.call('HGET', K_EVENT .. delivery.tenant .. ':' .. delivery.event, 'body') or '',
    tonumber(delivery.attempt), tonumber(delivery.faults or 0), tonumber(delivery.round or now),
    tonumber(delivery.since or now), url or '', sealed or '', delivery.test and 1 or 0,
  }
  want = want - 1
end

while want > 0 do
  local id = redis.call('RPOP', K_WEBHOOK_TESTS)
  if not id then break end
  local delivery = load_delivery(id)
  if delivery and delivery.status == 'pending' then claim(id, delivery) end
end

local function next_waiting(target_id, target)
  local first, second = K_WEBHOOK_FRESH .. target_id, K_WEBHOOK_RETRY .. target_id
  if redis.call('HINCRBY', K_WEBHOOK_TARGET .. target_id, 'turn', 1) % RETRY_EVERY == 0 then
    first, second = second, first
  end
  return redis.call('ZPOPMIN', first)[1] or redis.call('ZPOPMIN', second)[1]
end

-- The rate of a target as a virtual clock (GCRA): bursts of a second's worth pass, then requests are spaced.
local function pace(target_id, target)
  if not target.rate then return end
  local earliest = redis.call('HGET', K_WEBHOOK_TARGET .. target_id, 'clock')
  local clock = math.max(tonumber(earliest or 0), now - 1000) + target.rate
  redis.call('HSET', K_WEBHOOK_TARGET .. target_id, 'clock', clock)
  if clock > now then
    target.paced = math.ceil(clock)
    redis.call('HSET', K_WEBHOOK_TARGET .. target_id, 'paced', target.paced)
    redis.call('ZADD', K_WEBHOOK_WAKE, target.paced, target_id)
  end
end

local looked = 0
local function next_target()
  local busy = looked % RETRY_EVERY == 0 and redis.call('ZRANGEBYSCORE', K_WEBHOOK_RING, 0, '+inf', 'LIMIT', 0, 1)[1]
  if not busy then return redis.call('ZPOPMIN', K_WEBHOOK_RING)[1] end
  redis.call('ZREM', K_WEBHOOK_RING, busy)
  return busy
end
while want > 0 and looked < ARGV[1] + PER_CALL do
  looked = looked + 1
  local target_id = next_target()
  if not target_id then break end
  local target = load_target(target_id)
  if target and may_send(target, now) and target.in_flight >= cap then
    redis.call('ZADD', K_WEBHOOK_WAKE, whole(now + ASIDE_MS), target_id)
  elseif target and may_send(target, now) then
    local id = next_waiting(target_id, target)
    local delivery = id and load_delivery(id)
    if delivery and delivery.status == 'pending' then
      claim(id, delivery)
      target.in_flight = target.in_flight + 1
      redis.call('HSET', K_WEBHOOK_TARGET .. target_id, 'in_flight', target.in_flight)
      pace(target_id, target)
    end
    offer(target_id, target, now)
  end
end

if want > 0 then redis.call('DEL', K_WEBHOOK_DOORBELL) end
local function soonest(key) return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or 'inf') end
local at = math.min(soonest(K_WEBHOOK_DUE), soonest(K_WEBHOOK_WAKE), soonest(K_WEBHOOK_LEASES))
if #lost == PER_CALL or #promoted == PER_CALL or #woken == PER_CALL then at = now end
return { now, at == math.huge and -1 or math.max(0, at - now), claims }
