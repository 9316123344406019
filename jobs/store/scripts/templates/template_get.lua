--!flags no-cluster no-writes
--!args tenant name version
-- Returns a version of a template, or the newest one if `version` is "".
--
-- KEYS  none: template.
-- Answer {version, head (JSON), content or false if that is an artifact} | false if there is none

local key = K_TEMPLATE .. tenant .. ':' .. name
local number = version ~= '' and version or redis.call('HGET', key, 'newest')
local head = number and redis.call('HGET', key, number)
if not head then return false end
return { tonumber(number), head, redis.call('HGET', key, 'content:' .. number) }
