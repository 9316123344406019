--!flags no-cluster allow-oom
--!include _clock _event _webhook _webhook_origin _webhook_exhaust
--!args want lease_ms max_per_target max_late
-- One look at the queue by one notifier: takes back deliveries whose notifier is gone, promotes
-- those that are due, then claims up to `want`, round-robin over targets. Costs the same with ten
-- deliveries waiting or a million.
--
-- A target with `max_per_target` requests in flight gets no more (a busy notifier lowers it). At
-- most `max_late` of the claims are of the late lane; with 0, what is due stays due, too.
--
-- An origin (scheme, host and port) gets K_WEBHOOK_ORIGIN_RATE requests a second from all targets of
-- all tenants. If it may get none now, targets that send there wait for their turns, and the origin
-- takes their place on the ring as soon as it may get the next one.
--
-- KEYS  none: leases, due, wake, paced, waiting, origin, ring, tests, queues, target,
--       delivery and its indexes, event, tenant, doorbell, and what events write.
-- Answer {now, ms until something is due (-1 for never), claims, ids of deliveries given up}; a
--        claim is {body, id, claim number, target, tenant, event id, type, attempts used, faults,
--        round start, waiting since, url, sealed, is a test, lane}.
--
-- Sent twice (the first answer was lost): the first call's claims run out and come back with no
-- attempt used.

-- Lost leases, promotions and vain looks at targets in one call: the store must stay responsive.
local PER_CALL = 25
-- Of this many turns of the ring, one begins with the late lane and one with the normal lane; the
-- others begin with priority. Of this many turns of a target, one begins with its retries.
local SHARE_EVERY = 4
-- How long a target with enough in flight stands aside, unless one of its requests ends.
local ASIDE_MS = 1000
-- How many targets of an origin are looked at in one of its turns, for one that has something.
local LOOKS_PER_ORIGIN = 5
-- Deliveries lost several times come back apart, so that they are not lost with the cause again.
local APART_MS = 10000

local claims_left, late_left = tonumber(want), tonumber(max_late)
local now = now_ms()
local given_up = {}
local offered = {} -- targets to offer a turn after all promotions, each once

local function take_due(key, most, longest_ms)
  local ids = due_ids(key, now, most, longest_ms)
  if #ids > 0 then redis.call('ZREM', key, unpack(ids)) end
  return ids
end

local function wait_again(id, delivery, target)
  enqueue(id, delivery, target, now)
  offered[delivery.target] = target
end

-- Nobody knows if the receiver got it: it is sent again, and has used no attempt.
local function take_back(id, delivery, target)
  local lost = (delivery.lost or 0) + 1
  note(delivery, 'lost', lost)
  note(delivery, 'faults', (delivery.faults or 0) + 1)
  local began = '{"at":"' .. rfc3339(tonumber(delivery.since)) .. '",'
  if lost >= K_WEBHOOK_LOST_CLAIMS then
    note_attempt(delivery, delivery.claim, began .. '"error":"notifier_lost","message":"' .. lost .. ' notifiers in a row '
      .. 'ended while they sent this: it is given up. Their logs say why; then redeliver it."}')
    given_up[#given_up + 1] = id
    return exhaust(id, delivery, now)
  end
  note_attempt(delivery, delivery.claim, began .. '"error":"interrupted"}')
  if delivery.test then return finish_delivery(id, delivery, 'exhausted', now) end
  set_status(id, delivery, 'pending')
  if lost == 1 then return wait_again(id, delivery, target) end
  local chance = tonumber(string.sub(redis.sha1hex(id .. lost), 1, 6), 16) / 16 ^ 6
  schedule(id, delivery, now + APART_MS * (lost - 1) * (0.5 + chance), now)
end

-- After the clock was set back, leases end too late. They begin again: their notifiers may well be
-- sending.
local ahead = redis.call('ZRANGEBYSCORE', K_WEBHOOK_LEASES, now + lease_ms + K_CLOCK_STEP_MS, '+inf', 'LIMIT', 0, PER_CALL)
for _, id in ipairs(ahead) do redis.call('ZADD', K_WEBHOOK_LEASES, whole(now + lease_ms), id) end

local lost = take_due(K_WEBHOOK_LEASES, PER_CALL)
for _, id in ipairs(lost) do
  local delivery = load_delivery(id)
  if delivery and delivery.status == 'sending' then
    local target = load_target(delivery.target, now)
    release_slot(id, delivery, target)
    if target then
      take_back(id, delivery, target)
      save_delivery(id, delivery)
      save_target(delivery.target, target)
      offered[delivery.target] = target
    else
      remove_delivery(id, delivery)
    end
  elseif not delivery then
    note_vanished('deliveries', id)
  end
end

local again, ends = plan_again(K_WEBHOOK_DUE, K_WEBHOOK_DUE_PLANNED, now, PER_CALL)
for _, id in ipairs(again) do
  if ends[id] and redis.call('EXISTS', K_DELIVERY .. id) == 1 then redis.call('HSET', K_DELIVERY .. id, 'due', ends[id]) end
end

for _, id in ipairs(take_due(K_WEBHOOK_DUE, math.min(PER_CALL, late_left))) do
  redis.call('ZREM', K_WEBHOOK_DUE_PLANNED, id)
  local delivery = load_delivery(id)
  local target = delivery and delivery.status == 'pending' and (offered[delivery.target] or load_target(delivery.target, now))
  if target then
    drop(delivery, 'due')
    wait_again(id, delivery, target)
    save_delivery(id, delivery)
  elseif not delivery then
    note_vanished('deliveries', id)
  end
end

local woken = take_due(K_WEBHOOK_WAKE, PER_CALL, K_WEBHOOK_LONGEST_HOLD_MS)
for _, target_id in ipairs(woken) do
  local target = offered[target_id] or load_target(target_id, now)
  offered[target_id] = target
  if target and target.waits then
    drop(target, 'waits')
    save_target(target_id, target)
  end
end
for target_id, target in pairs(offered) do offer(target_id, target, now) end

for _, origin in ipairs(take_due(K_WEBHOOK_PACED, PER_CALL, 1000)) do offer_origin(origin) end

local claims = {}

local function claim(id, delivery, lane)
  local number = delivery.claim + 1
  note(delivery, 'claim', number)
  if not delivery.round then note(delivery, 'round', whole(now)) end
  set_status(id, delivery, 'sending')
  save_delivery(id, delivery)
  redis.call('ZADD', K_WEBHOOK_LEASES, whole(now + lease_ms), id)
  local url, sealed = delivery.url, nil
  if url then
    sealed = redis.call('HGET', K_TENANT .. delivery.tenant, 'webhook_secret')
  else
    url, sealed = unpack(redis.call('HMGET', K_WEBHOOK_TARGET .. delivery.target, 'url', 'sealed'))
  end
  local body = redis.call('HGET', K_EVENT .. delivery.tenant .. ':' .. delivery.event, 'body')
  if not body then note_vanished('events', delivery.event_id) end
  claims[#claims + 1] = {
    body or '',
    id, number, delivery.target, delivery.tenant, delivery.event_id, delivery.type,
    tonumber(delivery.attempt), tonumber(delivery.faults or 0), tonumber(delivery.round),
    tonumber(delivery.since or now), url or '', sealed or '', delivery.test and 1 or 0,
    lane,
  }
  claims_left = claims_left - 1
  if lane == 'late' then late_left = late_left - 1 end
end

while claims_left > 0 do
  local id = redis.call('RPOP', K_WEBHOOK_TESTS)
  if not id then break end
  local delivery = load_delivery(id)
  if delivery and delivery.status == 'pending' then
    local target = load_target(delivery.target, now)
    local origin = target and target.origin
    if must_wait(origin, now) then
      let_wait(id, origin, delivery.tenant, 'normal', now)
    else
      claim(id, delivery, 'priority')
      charge(origin, now)
    end
  end
end

-- The delivery of the target that is next, and if it is a retry.
local function next_waiting(target_id, target)
  local fresh, retry = K_WEBHOOK_FRESH .. target_id, K_WEBHOOK_RETRY .. target_id
  note(target, 'turn', (target.turn or 0) + 1)
  local is_their_turn = target.turn % SHARE_EVERY == 0
  local id = late_left > 0 and is_their_turn and redis.call('ZPOPMIN', retry)[1]
  if id then return id, true end
  id = redis.call('ZPOPMIN', fresh)[1]
  if id then return id, false end
  return late_left > 0 and redis.call('ZPOPMIN', retry)[1], true
end

-- The rate of a target as a virtual clock (GCRA): bursts of a second's worth pass, then requests
-- are spaced.
local function pace(target_id, target)
  if not target.rate then return end
  local earliest = redis.call('HGET', K_WEBHOOK_TARGET .. target_id, 'clock')
  -- Not above `now`, as the target may send; unless the clock was set back.
  local clock = math.max(math.min(tonumber(earliest or 0), now), now - 1000) + target.rate
  note(target, 'clock', clock)
  if clock > now then
    note(target, 'paced', math.ceil(clock))
    redis.call('ZADD', K_WEBHOOK_WAKE, target.paced, target_id)
  end
end

local looked, max_in_flight = 0, tonumber(max_per_target)
local function next_target()
  local turn = looked % SHARE_EVERY
  local lanes = turn == 0 and { 'late', 'normal', 'priority' } or turn == 1 and { 'normal', 'priority', 'late' }
    or { 'priority', 'normal', 'late' }
  for _, lane in ipairs(lanes) do
    local target_id = (lane ~= 'late' or late_left > 0)
      and redis.call('ZRANGEBYSCORE', K_WEBHOOK_RING, TURNS[lane], TURNS_END[lane], 'LIMIT', 0, 1)[1]
    if target_id then
      redis.call('ZREM', K_WEBHOOK_RING, target_id)
      return target_id, lane
    end
  end
end

local function may_send_here(target_id, target)
  if not target or not may_send(target, now) then return false end
  if target.in_flight < max_in_flight then return true end
  redis.call('ZADD', K_WEBHOOK_WAKE, whole(now + ASIDE_MS), target_id)
  return false
end

-- Claims the next delivery of the target, and returns if there was one; the caller saves the target.
local function send_next(target_id, target, lane)
  local id, is_retry = next_waiting(target_id, target)
  local delivery = id and load_delivery(id)
  if delivery and delivery.status == 'pending' then
    claim(id, delivery, (is_retry or target.failures > 0) and 'late' or lane)
    note(target, 'in_flight', target.in_flight + 1)
    pace(target_id, target)
    charge(target.origin, now)
    return true
  elseif id and not delivery then
    forget_vanished_delivery(id, target_id)
  end
  return false
end

-- Takes the next that waits at the origin off its list: of SHARE_EVERY turns, one begins with the
-- late lane.
local function next_at_origin(origin)
  local key = K_WEBHOOK_ORIGIN .. origin
  local is_late_turn = redis.call('HINCRBY', key, 'served', 1) % SHARE_EVERY == 0
  for _, lane in ipairs(is_late_turn and { 'late', 'normal' } or { 'normal', 'late' }) do
    if lane == 'normal' or late_left > 0 then
      local id, turn = unpack(redis.call('ZRANGEBYSCORE', K_WEBHOOK_WAITING .. origin, TURNS[lane], TURNS_END[lane],
        'WITHSCORES', 'LIMIT', 0, 1))
      if id then
        redis.call('ZREM', K_WEBHOOK_WAITING .. origin, id)
        redis.call('HSET', key, lane, turn)
        return id, lane
      end
    end
  end
end

-- Sends one request from those that wait at the origin.
local function serve_origin(origin)
  local state = load_origin(origin, now) or { clock = 0 } -- there is no limit any more
  for _ = 1, LOOKS_PER_ORIGIN do
    local id, lane = nil, nil
    if state.clock <= now then id, lane = next_at_origin(origin) end
    if not id then break end
    local target = load_target(id, now)
    local test = not target and load_delivery(id)
    local is_sent = false
    if target then
      drop(target, 'waits')
      is_sent = may_send_here(id, target) and send_next(id, target, lane)
      local next_lane = target.in_flight < max_in_flight and lane_of(id, target, now)
      if next_lane and load_origin(target.origin, now) then
        let_target_wait(id, target, next_lane, now)
      else
        save_target(id, target)
        if next_lane then offer(id, target, now) end
      end
    elseif test and test.test and test.status == 'pending' then
      claim(id, test, 'priority')
      charge(origin, now)
      is_sent = true
    end
    if is_sent then break end
  end
  if redis.call('EXISTS', K_WEBHOOK_WAITING .. origin) == 0 then
    state.is_awaited, state.is_charged = false, true -- forgets the turns, not the pace
    redis.call('DEL', K_WEBHOOK_ORIGIN .. origin)
    redis.call('ZREM', K_WEBHOOK_PACED, origin)
  elseif state.clock > now then
    pause_origin(origin, state, now)
  else
    offer_origin(origin)
  end
end

while claims_left > 0 and looked < want + PER_CALL do
  looked = looked + 1
  local id, lane = next_target()
  if not id then break end
  if string.find(id, '://', 1, true) then
    serve_origin(id)
  else
    local target = load_target(id, now)
    if target and not target.waits and may_send_here(id, target) then
      if must_wait(target.origin, now) then
        let_target_wait(id, target, lane, now)
      else
        send_next(id, target, lane)
        save_target(id, target)
        offer(id, target, now)
      end
    end
  end
end
save_origins()

local has_looked_enough = claims_left > 0 and looked == want + PER_CALL
if claims_left > 0 and not has_looked_enough then redis.call('DEL', K_WEBHOOK_DOORBELL) end
local function soonest(key) return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or 'inf') end
local at = math.min(soonest(K_WEBHOOK_DUE), soonest(K_WEBHOOK_WAKE), soonest(K_WEBHOOK_PACED),
  soonest(K_WEBHOOK_LEASES))
local is_more = has_looked_enough or #lost == PER_CALL or #woken == PER_CALL
  or late_left <= 0 and redis.call('ZCOUNT', K_WEBHOOK_RING, TURNS.late, '+inf') > 0
if is_more then at = now end
return { now, at == math.huge and -1 or math.max(0, at - now), claims, given_up }
