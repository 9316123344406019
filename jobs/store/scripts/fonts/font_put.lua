--!flags no-cluster
--!include _clock _kept
--!args tenant name id digest facts path bytes prefix max_fonts
-- Writes a font, or replaces the one of this name, unless it was made of the same file.
--
-- KEYS  none: fonts, garbage, kept.
-- ARGV  id names this upload, digest is of the file, facts is JSON. path is where the font is, bytes
--       is its size, and prefix is on the garbage set. A tenant may have max_fonts fonts.
-- Answer {"created" | "replaced" | "same", head (JSON)} | {"fonts"} | {"late"} |
--        {"quota", bytes that the tenant keeps, limit}
--
-- The content of a font that is replaced goes later: renders that have begun may still read it.
--
-- Sent twice: the font has this id; the same answer again.

local key = K_FONTS .. tenant
local text = redis.call('HGET', key, name)
local before = text and cjson.decode(text)
if before and before.id == id then return { before.replaces and 'replaced' or 'created', text } end
if before and before.digest == digest then return { 'same', text } end
-- One field is the revision.
if not before and redis.call('HLEN', key) > tonumber(max_fonts) then return { 'fonts' } end
local refused = over_quota(tenant, tonumber(bytes))
if refused then return refused end
local now = now_ms()
-- Its writer took so long that a sweep may be removing the artifact.
if tonumber(redis.call('ZSCORE', K_GARBAGE, prefix) or 0) <= now then return { 'late' } end

local head = table.concat({
  '{"id":"', id, '","digest":"', digest, '","created":', string.format('%.0f', now), ',"bytes":', bytes,
  ',"prefix":"', prefix, '","path":"', path, '","replaces":', before and 'true' or 'false', ',"facts":', facts, '}',
})
redis.call('HSET', key, name, head, ':revision', id)
redis.call('ZREM', K_GARBAGE, prefix)
if before then redis.call('ZADD', K_GARBAGE, now + K_ORPHAN_MS, before.prefix) end
keep_bytes(tenant, 'font:' .. name, tonumber(bytes))
return { before and 'replaced' or 'created', head }
