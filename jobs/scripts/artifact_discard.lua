--!flags no-cluster allow-oom
-- Removes a job's artifacts at or below a path.
--
-- KEYS  none: artifact chunks, artifacts (index), artifact bytes (counter).
-- ARGV  1 tenant/job, 2 path from there on ("" for all), 3 bytes in a chunk
-- Answer how many were removed
--
-- Sent twice: nothing is left to remove.

local job, path, chunk_bytes = ARGV[1], ARGV[2], tonumber(ARGV[3])
local removed = 0
local index = redis.call('HGETALL', K_ARTIFACTS .. job)
for i = 1, #index, 2 do
  local name, size = index[i], tonumber(index[i + 1])
  if path == '' or name == path or string.sub(name, 1, #path + 1) == path .. '/' then
    for number = 0, math.max(1, math.ceil(size / chunk_bytes)) - 1 do
      redis.call('DEL', K_ARTIFACT .. job .. '/' .. name .. ':' .. number)
    end
    redis.call('HDEL', K_ARTIFACTS .. job, name)
    redis.call('DECRBY', K_ARTIFACT_BYTES, size)
    removed = removed + 1
  end
end
return removed
