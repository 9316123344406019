--!flags no-cluster allow-oom
--!include _clock _kept
--!args tenant name id
-- Removes a font. Its content goes later: renders that have begun may still read it.
--
-- KEYS  none: fonts, garbage, kept.
-- ARGV  id is the revision of the fonts that are left.
-- Answer 1 | 0 if the tenant has no such font
--
-- Sent twice: 0.

local key = K_FONTS .. tenant
local text = redis.call('HGET', key, name)
if not text then return 0 end
redis.call('ZADD', K_GARBAGE, now_ms() + K_ORPHAN_MS, cjson.decode(text).prefix)
redis.call('HDEL', key, name)
keep_bytes(tenant, 'font:' .. name, 0)
if redis.call('HLEN', key) > 1 then
  redis.call('HSET', key, ':revision', id)
else
  redis.call('DEL', key)
end
return 1
