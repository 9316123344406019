--!flags no-cluster no-writes
-- The newest versions of some templates of a tenant, by name.
--
-- KEYS  none: templates of the tenant, template.
-- ARGV  1 tenant, 2 name after which to begin ("" for the first), 3 how many
-- Answer flat triples name, version, head (JSON)

local from = ARGV[2] ~= '' and '(' .. ARGV[2] or '-'
local found = {}
for _, name in ipairs(redis.call('ZRANGEBYLEX', K_TEMPLATES .. ARGV[1], from, '+', 'LIMIT', 0, ARGV[3])) do
  local key = K_TEMPLATE .. ARGV[1] .. ':' .. name
  local newest = redis.call('HGET', key, 'newest')
  found[#found + 1] = name
  found[#found + 1] = tonumber(newest)
  found[#found + 1] = redis.call('HGET', key, newest)
end
return found
