--!flags no-cluster allow-oom
--!args path size chunks
-- Makes an artifact permanent whose chunks have an expiry, indexes it and counts its bytes.
--
-- KEYS  none: artifact chunks, artifacts (index), artifact bytes (counter).
-- ARGV  path is tenant/name or tenant/name/…; size is in bytes; chunks is their number.
-- Answer "ok" | "gone" (the store has removed a chunk: it was slow, or it evicts keys that expire)
--
-- Sent twice: the index holds the size already, so the counter does not grow.

local top, below = string.match(path, '^([^/]+/[^/]+)/?(.*)$')
for number = 0, chunks - 1 do
  if redis.call('EXISTS', K_ARTIFACT .. path .. ':' .. number) == 0 then return 'gone' end
end
for number = 0, chunks - 1 do redis.call('PERSIST', K_ARTIFACT .. path .. ':' .. number) end
local before = tonumber(redis.call('HGET', K_ARTIFACTS .. top, below) or 0)
redis.call('HSET', K_ARTIFACTS .. top, below, size)
redis.call('INCRBY', K_ARTIFACT_BYTES, size - before)
return 'ok'
