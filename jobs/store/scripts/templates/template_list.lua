--!flags no-cluster no-writes
--!args tenant after_name limit
-- Returns the newest version of each template of a tenant, by name, after `after_name` (or "").
--
-- KEYS  none: templates of the tenant, template.
-- Answer flat triples name, version, head (JSON)

local from = after_name ~= '' and '(' .. after_name or '-'
local found = {}
for _, name in ipairs(redis.call('ZRANGEBYLEX', K_TEMPLATES .. tenant, from, '+', 'LIMIT', 0, limit)) do
  local key = K_TEMPLATE .. tenant .. ':' .. name
  local newest = redis.call('HGET', key, 'newest')
  found[#found + 1] = name
  found[#found + 1] = tonumber(newest)
  found[#found + 1] = redis.call('HGET', key, newest)
end
return found
