--!flags no-cluster allow-oom
-- Keeps an artifact whose chunks were written with an expiry, names it in its index and counts its bytes.
--
-- KEYS  none: artifact chunks, artifacts (index), artifact bytes (counter).
-- ARGV  1 path (tenant/name or tenant/name/…), 2 size in bytes, 3 number of chunks
-- Answer "ok"
--
-- Sent twice: the index holds the size already, so that the counter grows by nothing.

local path, size, chunks = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local top, below = string.match(path, '^([^/]+/[^/]+)/?(.*)$')
for number = 0, chunks - 1 do redis.call('PERSIST', K_ARTIFACT .. path .. ':' .. number) end
local before = tonumber(redis.call('HGET', K_ARTIFACTS .. top, below) or 0)
redis.call('HSET', K_ARTIFACTS .. top, below, size)
redis.call('INCRBY', K_ARTIFACT_BYTES, size - before)
return 'ok'
