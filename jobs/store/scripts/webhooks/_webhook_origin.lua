-- The pace of an origin (scheme, host and port), over all targets of all tenants.
--
-- Fields of an origin: clock (see below), normal and late (the turn that was served last in that
-- lane), normal:{tenant} and late:{tenant} (the last turn that the tenant took), served (how many).

-- A target that waits at its origin for this long is offered again: an earlier release, which knows
-- no pace of origins, may have taken the origin off the ring.
local WAITS_MS = 30000

-- What each origin may get, as a virtual clock (GCRA): the next request once `clock` has passed.
-- Nothing if there is no limit, and for targets that an earlier release made of a webhook_url.
local origins = {}
local INTERVAL_MS = 1000 / K_WEBHOOK_ORIGIN_RATE
local function load_origin(origin, now)
  if K_WEBHOOK_ORIGIN_RATE == 0 or not origin then return nil end
  if not origins[origin] then
    local clock = tonumber(redis.call('HGET', K_WEBHOOK_ORIGIN .. origin, 'clock') or 0)
    if clock > now + 1000 then clock = 0 end -- the store's clock was set back
    origins[origin] = { clock = clock, is_awaited = redis.call('EXISTS', K_WEBHOOK_WAITING .. origin) == 1 }
  end
  return origins[origin]
end

local function charge(origin, now)
  local state = load_origin(origin, now)
  if not state then return end
  local earliest = now - math.max(0, K_WEBHOOK_ORIGIN_BURST_MS - INTERVAL_MS)
  state.clock = math.max(math.min(state.clock, now), earliest) + INTERVAL_MS
  state.is_charged = true
end

local function must_wait(origin, now)
  local state = load_origin(origin, now)
  return state and (state.is_awaited or state.clock > now)
end

-- Has the origin served when it may get the next request, after a pause if that is soon.
local function pause_origin(origin, state, now)
  redis.call('ZADD', K_WEBHOOK_PACED, whole(math.ceil(math.max(state.clock, now + K_WEBHOOK_ORIGIN_PAUSE_MS))), origin)
end

local function let_wait(id, origin, tenant, lane, now)
  wait_at_origin(id, origin, tenant, lane)
  local state = load_origin(origin, now)
  state.is_awaited = true
  if not redis.call('ZSCORE', K_WEBHOOK_RING, origin) and not redis.call('ZSCORE', K_WEBHOOK_PACED, origin) then
    pause_origin(origin, state, now)
  end
end

local function let_target_wait(target_id, target, lane, now)
  note(target, 'waits', lane == 'late' and 2 or 1)
  save_target(target_id, target)
  let_wait(target_id, target.origin, target.tenant, lane, now)
  redis.call('ZADD', K_WEBHOOK_WAKE, whole(now + WAITS_MS), target_id)
end

local function offer_origin(origin)
  local key = K_WEBHOOK_WAITING .. origin
  if redis.call('ZCOUNT', key, TURNS.normal, TURNS_END.normal) > 0 then
    join_webhook_ring(origin, 'normal')
  elseif redis.call('EXISTS', key) == 1 then
    join_webhook_ring(origin, 'late')
  end
end

local function save_origins()
  for origin, state in pairs(origins) do
    if state.is_charged then redis.call('HSET', K_WEBHOOK_ORIGIN .. origin, 'clock', state.clock) end
    redis.call('PEXPIRE', K_WEBHOOK_ORIGIN .. origin, K_WEBHOOK_LONGEST_HOLD_MS)
  end
end
