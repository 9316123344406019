--!flags no-cluster
--!include _clock
--!args tenant
--!rows id
-- Notes the inputs of jobs as garbage, before they are written. The step that accepts the jobs takes
-- the notes off; if it never comes, a sweep removes the inputs.
--
-- KEYS  none: job, garbage.
-- ARGV  a row for each job
-- Answer "ok" | "late" (a sweep may be removing what an earlier try has written)
--
-- Sent twice: the notes are there for a little longer. If the second arrives after the job was
-- accepted, it is not noted again.

local now = now_ms()
for _, job in ipairs(ROWS) do
  local due = redis.call('ZSCORE', K_GARBAGE, tenant .. '/' .. job.id)
  if due and tonumber(due) <= now then return 'late' end
end
for _, job in ipairs(ROWS) do
  if redis.call('EXISTS', K_JOB .. job.id) == 0 then
    redis.call('ZADD', K_GARBAGE, now + K_ORPHAN_MS, tenant .. '/' .. job.id)
  end
end
return 'ok'
