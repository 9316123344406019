--!flags no-cluster no-writes
-- Some versions of a template, newest first.
--
-- KEYS  none: template.
-- ARGV  1 tenant, 2 name, 3 version before which to begin ("" for the newest), 4 how many
-- Answer flat pairs version, head (JSON); false where there is no such template

local key = K_TEMPLATE .. ARGV[1] .. ':' .. ARGV[2]
local newest = tonumber(redis.call('HGET', key, 'newest'))
if not newest then return false end
-- Versions of one life of a template have no holes between them.
local last = newest - redis.call('HGET', key, 'count') + 1
local from = math.min(newest, ARGV[3] ~= '' and ARGV[3] - 1 or newest)
local found = {}
for version = from, math.max(last, from - ARGV[4] + 1), -1 do
  found[#found + 1] = version
  found[#found + 1] = redis.call('HGET', key, version)
end
return found
