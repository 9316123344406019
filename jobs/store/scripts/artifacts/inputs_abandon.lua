--!flags no-cluster allow-oom
--!include _clock
--!args tenant
--!rows id
-- Has the inputs of jobs that are not accepted removed now. From here on the jobs cannot be accepted.
--
-- KEYS  none: job, garbage.
-- ARGV  a row for each job
-- Answer the paths to remove. The caller may do so at once; the next sweep does it in any case.
--
-- Sent twice: the same answer.

local now = now_ms()
local paths = {}
for _, job in ipairs(ROWS) do
  if redis.call('EXISTS', K_JOB .. job.id) == 0 then
    paths[#paths + 1] = tenant .. '/' .. job.id
    redis.call('ZADD', K_GARBAGE, now, paths[#paths])
  end
end
return paths
