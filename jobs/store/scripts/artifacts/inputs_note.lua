--!flags no-cluster
--!include _clock _kept
--!args tenant
--!rows id bytes
-- Notes the inputs of jobs, a version of a template or a font as garbage, before they are written. The step
-- that accepts them takes the notes off; if it never comes, a sweep removes what was written.
--
-- KEYS  none: job, garbage, kept bytes.
-- ARGV  a row for each job, version or font, with the bytes to be written
-- Answer {"ok"} | {"late"} (a sweep may be removing what an earlier try has written) |
--        {"quota", bytes that the tenant keeps, limit}
--
-- Sent twice: the notes are there for a little longer. If the second arrives after the job was
-- accepted, it is not noted again.

local more, now = 0, now_ms()
for _, job in ipairs(ROWS) do
  if redis.call('EXISTS', K_JOB .. job.id) == 0 then more = more + tonumber(job.bytes) end
end
local refused = more > 0 and over_quota(tenant, more)
if refused then return refused end
for _, job in ipairs(ROWS) do
  local due = redis.call('ZSCORE', K_GARBAGE, tenant .. '/' .. job.id)
  if due and tonumber(due) <= now then return { 'late' } end
end
for _, job in ipairs(ROWS) do
  if redis.call('EXISTS', K_JOB .. job.id) == 0 then
    redis.call('ZADD', K_GARBAGE, now + K_ORPHAN_MS, tenant .. '/' .. job.id)
  end
end
return { 'ok' }
