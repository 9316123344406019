--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition
--!args id claim status result result_path error progress delay_ms leftovers began_ms_ago
-- Writes how the run of the current claim ended: running → succeeded | failed | retrying. With
-- began_ms_ago also from queued: the start of the run is recorded in the same step.
--
-- KEYS  none: job, leases, input, arq job, due, expiries, garbage, indexes, and what events write.
-- ARGV  result (JSON members, or empty), error (JSON, or empty),
--       progress (JSON; empty keeps what is there),
--       delay_ms: until the next attempt, only for retrying,
--       leftovers: 1 if the claim may have written a result that is not named here; else 0,
--       began_ms_ago: how long ago the run began; empty if its start must have been recorded
-- Answer "ok" | "lost"
--
-- Sent twice: the record's outcome names this claim and status; "ok" again and nothing is written.

local record = load_record(id)
if not record then return 'lost' end
local outcome = claim .. ':' .. status
if record.outcome == outcome then return 'ok' end
if not is_current(id, record, claim) then return 'lost' end

local now = now_ms()
if record.status == 'queued' and began_ms_ago ~= '' then
  start(id, record, claim, began_ms_ago, now)
elseif record.status ~= 'running' then
  return 'lost'
end
record.outcome = outcome
record.error = error ~= '' and error or nil
if leftovers == '1' then discard_orphan(id, record, now) end
if progress ~= '' then record.progress = progress end
if status == 'retrying' then
  redis.call('ZREM', K_LEASES, id)
  redis.call('ZADD', K_DUE, now + delay_ms, id)
  redis.call('ZADD', K_DUE_PLANNED, now, id)
  record.started = nil
  move(id, record, 'retrying', 'job.retrying', now, { 'outcome', 'error', 'progress', 'started' })
else
  record.result = result ~= '' and result or nil
  record.result_path = result_path ~= '' and result_path or nil
  finish(id, record, status, now)
end
return 'ok'
