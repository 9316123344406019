--!flags no-cluster allow-oom
--!include _clock
-- Tells how much work of webhooks waits, and how many circuit breakers are open. Costs the same with
-- ten deliveries waiting or a million.
--
-- KEYS  none: outbox, due, leases, broken, target.
-- Answer {events in the outbox, ms since the oldest was written, deliveries that wait for a retry,
--        deliveries being sent, breakers that are open, breakers that let a probe through}
--
-- Sent twice: the same again.

local STALE = 20 -- names looked at in one call: the store must stay responsive
local FORGET_MS = 24 * 3600 * 1000

local now = now_ms()
-- Most names leave in the step that closes the breaker. Those of targets that were removed, or that
-- an earlier release has served since, leave here.
redis.call('ZREMRANGEBYSCORE', K_WEBHOOK_BROKEN, '-inf', now - FORGET_MS)
for _, target in ipairs(redis.call('ZRANGEBYSCORE', K_WEBHOOK_BROKEN, '-inf', now, 'LIMIT', 0, STALE)) do
  local failures = redis.call('HGET', K_WEBHOOK_TARGET .. target, 'failures')
  if tonumber(failures or 0) < K_WEBHOOK_BREAKER_FAILURES then redis.call('ZREM', K_WEBHOOK_BROKEN, target) end
end
local oldest = redis.call('XRANGE', K_OUTBOX, '-', '+', 'COUNT', 1)[1]
local open = redis.call('ZCOUNT', K_WEBHOOK_BROKEN, '(' .. now, '+inf')
return {
  redis.call('XLEN', K_OUTBOX),
  oldest and math.max(0, now - string.match(oldest[1], '^%d+')) or 0,
  redis.call('ZCARD', K_WEBHOOK_DUE),
  redis.call('ZCARD', K_WEBHOOK_LEASES),
  open,
  redis.call('ZCARD', K_WEBHOOK_BROKEN) - open,
}
