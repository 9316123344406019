--!flags no-cluster
--!args id claim progress
-- Keeps how far a run is, and publishes it. No transition and no event: the latest value wins.
--
-- KEYS  none: job, progress channel.
-- ARGV  progress (JSON)
-- Answer "ok" | "lost"

local current_claim, status, tenant = unpack(redis.call('HMGET', K_JOB .. id, 'claim', 'status', 'tenant'))
if current_claim ~= claim or status ~= 'running' then return 'lost' end
redis.call('HSET', K_JOB .. id, 'progress', progress)
redis.call('PUBLISH', K_PROGRESS, table.concat({
  '{"tenant":"', tenant, '","job_id":"', id, '","claim":', claim, ',"progress":', progress, '}',
}))
return 'ok'
