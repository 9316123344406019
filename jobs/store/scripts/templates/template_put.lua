--!flags no-cluster
--!include _clock
-- Writes a version of a template, unless the newest one has the same content.
--
-- KEYS  none: template, templates and template versions of the tenant, garbage.
-- ARGV  1 tenant, 2 name, 3 id of this version, 4 digest of its content, 5 description (JSON),
--       6 content ("" where it is an artifact), 7 artifact path (""), 8 its prefix, which is on the garbage set (""),
--       9 how many names a tenant may use, 10 how many versions a template may have
-- Answer {"created" | "same", version, head (JSON)} | {"names"} | {"versions"} | {"late"}
--
-- Sent twice: the newest version has this id; "created" again. A number is given once, also where the template was
-- deleted meanwhile.

local tenant, name, id, digest = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local key, numbers = K_TEMPLATE .. tenant .. ':' .. name, K_TEMPLATE_VERSIONS .. tenant

local newest = redis.call('HGET', key, 'newest')
if newest then
  local text = redis.call('HGET', key, newest)
  local head = cjson.decode(text)
  if head.id == id then return { 'created', tonumber(newest), text } end
  if head.digest == digest then return { 'same', tonumber(newest), text } end
  if redis.call('HGET', key, 'count') == ARGV[10] then return { 'versions' } end
elseif redis.call('HEXISTS', numbers, name) == 0 and redis.call('HLEN', numbers) >= tonumber(ARGV[9]) then
  return { 'names' }
end
local now = now_ms()
-- The artifact may be going: whoever wrote it was away for very long.
if ARGV[7] ~= '' and tonumber(redis.call('ZSCORE', K_GARBAGE, ARGV[8]) or 0) <= now then return { 'late' } end

local number = redis.call('HINCRBY', numbers, name, 1)
local head = table.concat({
  '{"id":"', id, '","digest":"', digest, '","created":', string.format('%.0f', now),
  ',"description":', ARGV[5], ',"prefix":"', ARGV[8], '","path":"', ARGV[7], '"}',
})
redis.call('HSET', key, number, head, 'newest', number)
redis.call('HINCRBY', key, 'count', 1)
if ARGV[7] == '' then
  redis.call('HSET', key, 'content:' .. number, ARGV[6])
else
  redis.call('ZREM', K_GARBAGE, ARGV[8])
end
redis.call('ZADD', K_TEMPLATES .. tenant, 0, name)
return { 'created', number, head }
