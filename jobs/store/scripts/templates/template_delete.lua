--!flags no-cluster allow-oom
--!include _clock _kept
--!args tenant name
-- Removes a template with all its versions. Their numbers are not given again.
--
-- KEYS  none: template, templates of the tenant, garbage, kept.
-- Answer 1 | 0 if the tenant has no such template
--
-- Sent twice: 0.

local key = K_TEMPLATE .. tenant .. ':' .. name
local newest = tonumber(redis.call('HGET', key, 'newest'))
if not newest then return 0 end
local now = now_ms()
for version = newest - redis.call('HGET', key, 'count') + 1, newest do
  local prefix = cjson.decode(redis.call('HGET', key, version)).prefix
  if prefix ~= '' then redis.call('ZADD', K_GARBAGE, now, prefix) end
end
redis.call('DEL', key)
keep_bytes(tenant, 'template:' .. name, 0)
redis.call('ZREM', K_TEMPLATES .. tenant, name)
return 1
