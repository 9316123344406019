--!flags no-cluster allow-oom
--!include _clock
--!rows kind priority
-- Tells how many jobs wait, and for how long. Costs the same with ten jobs waiting or a million.
--
-- KEYS  none: waiting, job, due, leases.
-- ARGV  a row for each kind and priority
-- Answer {scheduled and retrying jobs, claimed jobs, and for each row {queued jobs, ms that the one
--        queued first has waited, or -1 if there is none}}
--
-- Sent twice: the same again.

local STALE_PER_ROW = 20 -- names removed in one call: the store must stay responsive

local now = now_ms()
local answer = { redis.call('ZCARD', K_DUE), redis.call('ZCARD', K_LEASES), {} }
for at, row in ipairs(ROWS) do
  local key = K_WAITING .. row.kind .. ':' .. row.priority
  local since
  for _ = 1, STALE_PER_ROW do
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    since = first[2]
    if not since or redis.call('HGET', K_JOB .. first[1], 'status') == 'queued' then break end
    redis.call('ZREM', key, first[1]) -- an earlier release has begun it, or its record has vanished
  end
  answer[3][at] = { redis.call('ZCARD', key), since and math.max(0, now - since) or -1 }
end
return answer
