--!include _hash _vanished
-- Webhook deliveries: where each waits, and what its target may send.
--
-- A target is what limits and the circuit breaker apply to: a webhook endpoint (we_…), or the
-- origin of the webhook_urls of a tenant (wo_…).
-- Fields of a target: tenant, and of an endpoint config (JSON), sealed (secrets and headers), url,
-- status, reason, changed (number of the last change), first (sequence of the first event it gets),
-- created, updated, disabled; of both max (in flight), rate (milliseconds between requests), and
-- the state: in_flight, window, failures (in a row), opens (of the breaker, in a row), held
-- (until), failing (since), turn, paced (when the rate lets the next one go), ok, bad, last_ok,
-- last_bad, millis (of all answers), given_up (an origin: deliveries made before are not tried),
-- origin (scheme, host and port), waits (for its turn there: 1, or 2 in the late lane).
-- Fields of a delivery: tenant, target, event (key suffix), event_id, type, sequence, url (of
-- webhook_url), status, created, listed (its place in lists, if that is not created), since (waits
-- since), round (first attempt of this round), attempt (used), faults (ours in a row), claim, lost
-- (claims lost in a row: their notifier was gone), settled (claim of the last outcome), finished,
-- due, test, and attempt:{claim} (JSON) of each.

local TURNS = { priority = -1e14, normal = 0, late = 1e14 } -- where each lane begins on the ring
local TURNS_END = { priority = '(0', normal = '(1e14', late = '+inf' }

local function load_delivery(id) return load_hash(K_DELIVERY .. id) end

-- Takes a delivery whose record has vanished off the lists of its target.
local function forget_vanished_delivery(id, target_id)
  note_vanished('deliveries', id)
  local index = K_DELIVERIES .. target_id
  redis.call('ZREM', index, id)
  for _, status in ipairs({ 'pending', 'sending', 'succeeded', 'exhausted', 'discarded' }) do
    redis.call('ZREM', index .. ':' .. status, id)
  end
end

local STATE = { 'tenant', 'status', 'origin', 'max', 'rate', 'in_flight', 'window', 'failures', 'opens', 'held', 'failing',
  'paced', 'turn', 'ok', 'bad', 'millis', 'waits' }

-- Returns the target, or nil. It ignores a time until which nothing may be sent if that is further
-- ahead than any hold: the clock was set back after the time was written.
local function load_target(id, now)
  local values = redis.call('HMGET', K_WEBHOOK_TARGET .. id, unpack(STATE))
  if not values[1] then return nil end
  local target = { tenant = values[1], status = values[2] or 'enabled', origin = values[3] }
  if not target.origin then -- an earlier release wrote it
    target.origin = string.match(redis.call('HGET', K_WEBHOOK_TARGET .. id, 'url') or '', '^%a+://[^/?#]+')
  end
  for i = 4, #STATE do target[STATE[i]] = tonumber(values[i]) end
  for _, name in ipairs({ 'held', 'paced' }) do
    if target[name] and target[name] > now + K_WEBHOOK_LONGEST_HOLD_MS then target[name] = nil end
  end
  target.max = target.max or K_WEBHOOK_MAX_IN_FLIGHT
  target.in_flight = target.in_flight or 0
  target.failures = target.failures or 0
  return target
end

-- Changes of a loaded delivery or target are noted, then written by one call: calls are what a step
-- costs.
local function note(record, name, value)
  record[name] = value
  record.unsaved = record.unsaved or {}
  record.unsaved[name] = value
end

local function drop(record, name)
  if not record[name] then return end
  note(record, name, false)
  record[name] = nil
end

local function save(key, record)
  local set, gone = {}, {}
  for name, value in pairs(record.unsaved or {}) do
    if value then
      set[#set + 1], set[#set + 2] = name, value
    else
      gone[#gone + 1] = name
    end
  end
  if #set > 0 then redis.call('HSET', key, unpack(set)) end
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
  record.unsaved = nil
end

local function save_delivery(id, delivery) save(K_DELIVERY .. id, delivery) end
local function save_target(id, target) save(K_WEBHOOK_TARGET .. id, target) end

local function is_endpoint(target_id) return string.sub(target_id, 1, 3) == 'we_' end

local function whole(number) return string.format('%.0f', number) end

-- Tells a notifier that a lane has something to claim. It need not look at the late lane at once.
local function ring_webhook_doorbell(lane)
  if redis.call('LLEN', K_WEBHOOK_DOORBELL) < K_WEBHOOK_DOORBELL_CAP then
    redis.call('LPUSH', K_WEBHOOK_DOORBELL, lane)
  end
end

-- How many requests may be in flight: one probe while the breaker is half open, then a window that
-- grows again.
local function in_flight_limit(target)
  if target.failures >= K_WEBHOOK_BREAKER_FAILURES then return 1 end
  return math.min(target.window or target.max, target.max)
end

local function may_send(target, now)
  return target.status == 'enabled' and (target.held or 0) <= now and (target.paced or 0) <= now
    and target.in_flight < in_flight_limit(target)
end

-- The lane in which the target sends next; nil if it has nothing to send or may not send it. The
-- ring has three lanes, so that the backlog of one target does not delay the fresh events of others:
--   priority  a new event, and nothing in flight
--   normal    another delivery that was never tried
--   late      nothing but retries, or the last request failed
local function lane_of(target_id, target, now, is_new)
  if not may_send(target, now) then return nil end
  local is_fresh = redis.call('EXISTS', K_WEBHOOK_FRESH .. target_id) == 1
  if not is_fresh and redis.call('EXISTS', K_WEBHOOK_RETRY .. target_id) == 0 then return nil end
  if target.failures > 0 or not is_fresh then return 'late' end
  return is_new and target.in_flight == 0 and 'priority' or 'normal'
end

-- Puts a target, or an origin with targets that wait for it, at the end of a lane of the ring.
local function join_webhook_ring(id, lane)
  local last = redis.call('ZREVRANGEBYSCORE', K_WEBHOOK_RING, TURNS_END[lane], TURNS[lane], 'WITHSCORES', 'LIMIT',
    0, 1)[2] or TURNS[lane]
  if redis.call('ZADD', K_WEBHOOK_RING, 'LT', 'CH', last + 1, id) == 1 then ring_webhook_doorbell(lane) end
end

-- Lets a target, or the delivery of a test, wait for its turn at its origin, among all that send
-- there. Tenants take turns: the turn of each of their targets is one after that before, and not
-- before the one that is served now (start-time fair queueing).
local function wait_at_origin(id, origin, tenant, lane)
  local key, owner = K_WEBHOOK_ORIGIN .. origin, lane .. ':' .. tenant
  local waits = tonumber(redis.call('ZSCORE', K_WEBHOOK_WAITING .. origin, id) or 'inf')
  if waits < TURNS.late or waits < math.huge and lane == 'late' then return end -- keeps its turn
  local last, served = unpack(redis.call('HMGET', key, owner, lane))
  local turn = math.max(tonumber(last or 0), tonumber(served or 0), TURNS[lane]) + 1
  redis.call('HSET', key, owner, turn)
  redis.call('ZADD', K_WEBHOOK_WAITING .. origin, turn, id)
end

-- Puts the target on the ring if it has something to send and may send it; takes it off otherwise.
-- One that waits for its turn at its origin goes on waiting.
local function offer(target_id, target, now, is_new)
  local lane = lane_of(target_id, target, now, is_new)
  if not lane then
    redis.call('ZREM', K_WEBHOOK_RING, target_id)
  elseif not target.waits then
    join_webhook_ring(target_id, lane)
  elseif target.waits == 2 and lane ~= 'late' then
    redis.call('HSET', K_WEBHOOK_TARGET .. target_id, 'waits', 1)
    wait_at_origin(target_id, target.origin, target.tenant, 'normal')
    if redis.call('ZSCORE', K_WEBHOOK_RING, target.origin) then join_webhook_ring(target.origin, 'normal') end
  end
end

-- Sends nothing to the target until `until_ms`.
local function hold(target_id, target, until_ms)
  until_ms = math.ceil(until_ms)
  note(target, 'held', until_ms)
  redis.call('ZADD', K_WEBHOOK_WAKE, whole(until_ms), target_id)
  redis.call('ZREM', K_WEBHOOK_RING, target_id)
end

local function set_status(id, delivery, status)
  local index = K_DELIVERIES .. delivery.target
  if delivery.status then redis.call('ZREM', index .. ':' .. delivery.status, id) end
  redis.call('ZADD', index .. ':' .. status, delivery.listed or delivery.created, id)
  note(delivery, 'status', status)
end

local function finish_delivery(id, delivery, status, now)
  set_status(id, delivery, status)
  note(delivery, 'finished', whole(now))
  drop(delivery, 'due')
  redis.call('ZADD', K_WEBHOOK_EXPIRY, whole(now + K_DELIVERY_TTL_MS), id)
end

-- Puts a delivery into the queue of its target. A delivery to a disabled endpoint is discarded
-- instead.
local function enqueue(id, delivery, target, now)
  if target.status == 'disabled' then return finish_delivery(id, delivery, 'discarded', now) end
  local queue = ((delivery.claim or '0') == '0' and K_WEBHOOK_FRESH or K_WEBHOOK_RETRY) .. delivery.target
  redis.call('ZADD', queue, whole(after_newest(queue, now)), id)
  note(delivery, 'since', whole(now))
end

-- Lets a delivery wait until `due_ms`.
local function schedule(id, delivery, due_ms, now)
  note(delivery, 'due', whole(due_ms))
  redis.call('ZADD', K_WEBHOOK_DUE, whole(due_ms), id)
  redis.call('ZADD', K_WEBHOOK_DUE_PLANNED, whole(now), id)
end

local function leave_webhook_due(id)
  redis.call('ZREM', K_WEBHOOK_DUE, id)
  redis.call('ZREM', K_WEBHOOK_DUE_PLANNED, id)
end

-- Makes the delivery of an event to a target, unless it is there; the caller saves it. `url`: of a
-- webhook_url, or ''.
local function create_delivery(id, target_id, tenant, event_key, event_id, event_type, url, now)
  if redis.call('HSETNX', K_DELIVERY .. id, 'target', target_id) == 0 then return nil end
  local delivery = { target = target_id, created = whole(now), unsaved = { v = 1, tenant = tenant, event = event_key,
    event_id = event_id, type = event_type, created = whole(now), attempt = 0, claim = 0 } }
  if url ~= '' then note(delivery, 'url', url) end
  redis.call('HINCRBY', K_EVENT .. tenant .. ':' .. event_key, 'owed', 1)
  local listed = after_newest(K_DELIVERIES .. target_id, now)
  if listed ~= now then note(delivery, 'listed', whole(listed)) end
  redis.call('ZADD', K_DELIVERIES .. target_id, whole(listed), id)
  set_status(id, delivery, 'pending')
  return delivery
end

-- The body of the event goes with the last delivery that needs it.
local function forget_event_unless_needed(tenant, event_key)
  local key = K_EVENT .. tenant .. ':' .. event_key
  if tonumber(redis.call('HGET', key, 'owed') or 0) <= 0 then redis.call('DEL', key) end
end

local function remove_delivery(id, delivery)
  local index = K_DELIVERIES .. delivery.target
  redis.call('ZREM', index, id)
  redis.call('ZREM', index .. ':' .. delivery.status, id)
  redis.call('ZREM', K_WEBHOOK_FRESH .. delivery.target, id)
  redis.call('ZREM', K_WEBHOOK_RETRY .. delivery.target, id)
  leave_webhook_due(id)
  redis.call('ZREM', K_WEBHOOK_LEASES, id)
  redis.call('ZREM', K_WEBHOOK_EXPIRY, id)
  redis.call('DEL', K_DELIVERY .. id)
  redis.call('HINCRBY', K_EVENT .. delivery.tenant .. ':' .. delivery.event, 'owed', -1)
  forget_event_unless_needed(delivery.tenant, delivery.event)
  if not is_endpoint(delivery.target) and redis.call('EXISTS', index) == 0 then
    redis.call('DEL', K_WEBHOOK_TARGET .. delivery.target)
    redis.call('ZREM', K_WEBHOOK_WAKE, delivery.target)
  end
end

-- The request in flight has ended, or its notifier is gone.
local function release_slot(id, delivery, target)
  redis.call('ZREM', K_WEBHOOK_LEASES, id)
  if not target or delivery.test then return end
  note(target, 'in_flight', math.max(0, target.in_flight - 1))
end

local function note_attempt(delivery, claim, attempt)
  note(delivery, 'attempt:' .. claim, attempt)
  drop(delivery, 'attempt:' .. (claim - K_WEBHOOK_KEPT_ATTEMPTS))
end

-- The number of a change of the tenant's endpoints. A reader that has seen it has seen all changes
-- before.
local function next_change(tenant) return redis.call('HINCRBY', K_TENANT .. tenant, 'endpoint_changes', 1) end
