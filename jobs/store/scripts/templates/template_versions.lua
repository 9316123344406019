--!flags no-cluster no-writes
--!args tenant name before_version limit
-- Returns versions of a template, newest first, before `before_version` ("" for all).
--
-- KEYS  none: template.
-- Answer flat pairs version, head (JSON); false if there is no such template

local key = K_TEMPLATE .. tenant .. ':' .. name
local newest = tonumber(redis.call('HGET', key, 'newest'))
if not newest then return false end
-- Versions of one life of a template have no holes between them.
local last = newest - redis.call('HGET', key, 'count') + 1
local from = math.min(newest, before_version ~= '' and before_version - 1 or newest)
local found = {}
for version = from, math.max(last, from - limit + 1), -1 do
  found[#found + 1] = version
  found[#found + 1] = redis.call('HGET', key, version)
end
return found
