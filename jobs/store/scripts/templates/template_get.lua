--!flags no-cluster no-writes
-- A version of a template.
--
-- KEYS  none: template.
-- ARGV  1 tenant, 2 name, 3 version ("" for the newest)
-- Answer {version, head (JSON), content or false where it is an artifact}, or false where there is none

local key = K_TEMPLATE .. ARGV[1] .. ':' .. ARGV[2]
local version = ARGV[3] ~= '' and ARGV[3] or redis.call('HGET', key, 'newest')
local head = version and redis.call('HGET', key, version)
if not head then return false end
return { tonumber(version), head, redis.call('HGET', key, 'content:' .. version) }
