--!flags no-cluster
--!include _clock _kept
--!args tenant name id digest description content path bytes prefix max_names max_versions
-- Writes a version of a template, unless the newest one has the same content.
--
-- KEYS  none: template, templates and template versions of the tenant, garbage, kept.
-- ARGV  id names this version, digest is of its content, description is JSON. content is "" if it
--       is an artifact; then path is where it is, bytes is its size, and prefix is on the garbage set. A tenant may
--       use max_names names.
-- Answer {"created" | "same", version, head (JSON)} | {"names"} | {"versions"} | {"late"} |
--        {"quota", bytes that the tenant keeps, limit}
--
-- Sent twice: the newest version has this id; "created" again. A number is given once, even if the
-- template is deleted and made again.

local key, numbers = K_TEMPLATE .. tenant .. ':' .. name, K_TEMPLATE_VERSIONS .. tenant

local newest = redis.call('HGET', key, 'newest')
if newest then
  local text = redis.call('HGET', key, newest)
  local head = cjson.decode(text)
  if head.id == id then return { 'created', tonumber(newest), text } end
  if head.digest == digest then return { 'same', tonumber(newest), text } end
  if redis.call('HGET', key, 'count') == max_versions then return { 'versions' } end
elseif redis.call('HEXISTS', numbers, name) == 0 and redis.call('HLEN', numbers) >= tonumber(max_names) then
  return { 'names' }
end
local refused = path ~= '' and over_quota(tenant, tonumber(bytes))
if refused then return refused end
local now = now_ms()
-- Its writer took so long that a sweep may be removing the artifact.
if path ~= '' and tonumber(redis.call('ZSCORE', K_GARBAGE, prefix) or 0) <= now then return { 'late' } end

local number = redis.call('HINCRBY', numbers, name, 1)
local head = table.concat({
  '{"id":"', id, '","digest":"', digest, '","created":', string.format('%.0f', now),
  ',"description":', description, ',"prefix":"', prefix, '","path":"', path, '"}',
})
redis.call('HSET', key, number, head, 'newest', number)
redis.call('HINCRBY', key, 'count', 1)
if path == '' then
  redis.call('HSET', key, 'content:' .. number, content)
else
  redis.call('ZREM', K_GARBAGE, prefix)
  keep_bytes(tenant, 'template:' .. name, redis.call('HINCRBY', key, 'artifact_bytes', bytes))
end
redis.call('ZADD', K_TEMPLATES .. tenant, 0, name)
return { 'created', number, head }
