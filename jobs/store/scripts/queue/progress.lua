--!flags no-cluster
-- Keeps and pushes how far a run is. Not a transition, not an event: the latest value wins.
--
-- KEYS  none: job, progress channel.
-- ARGV  1 job id, 2 claim, 3 progress (JSON)
-- Answer "ok" | "lost"

local record = redis.call('HMGET', K_JOB .. ARGV[1], 'claim', 'status', 'tenant')
if record[1] ~= ARGV[2] or record[2] ~= 'running' then return 'lost' end
redis.call('HSET', K_JOB .. ARGV[1], 'progress', ARGV[3])
redis.call('PUBLISH', K_PROGRESS, table.concat({
  '{"tenant":"', record[3], '","job_id":"', ARGV[1], '","claim":', ARGV[2], ',"progress":', ARGV[3], '}',
}))
return 'ok'
