--!flags no-cluster allow-oom
--!args top path chunk_bytes
-- Removes the artifacts at or below a path.
--
-- KEYS  none: artifact chunks, artifacts (index), artifact bytes (counter).
-- ARGV  top is tenant/name; path is what follows, "" for everything below top.
-- Answer how many were removed
--
-- Sent twice: nothing is left to remove.

local removed = 0
local index = redis.call('HGETALL', K_ARTIFACTS .. top)
for i = 1, #index, 2 do
  local below, size = index[i], tonumber(index[i + 1])
  if path == '' or below == path or string.sub(below, 1, #path + 1) == path .. '/' then
    local artifact = K_ARTIFACT .. top .. (below == '' and '' or '/' .. below)
    for number = 0, math.max(1, math.ceil(size / chunk_bytes)) - 1 do redis.call('DEL', artifact .. ':' .. number) end
    redis.call('HDEL', K_ARTIFACTS .. top, below)
    redis.call('DECRBY', K_ARTIFACT_BYTES, size)
    removed = removed + 1
  end
end
return removed
