--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition
-- running → succeeded | failed | retrying, by the current claim only; from queued, where it brings the start along.
--
-- KEYS  none: job, leases, input, arq job, due, expiries, garbage, indexes, and what events write.
-- ARGV  1 job id, 2 claim, 3 status, 4 result (JSON members, ""), 5 result path (""), 6 error (JSON, ""),
--       7 progress (JSON, "" keeps it), 8 delay before the next attempt (ms, only for retrying),
--       9 how long ago the run began, where its start is still to be recorded (ms, "")
-- Answer "ok" | "lost"
--
-- Sent twice: the record's outcome names this claim and status; "ok" again and nothing is written.

local id, claim, status = ARGV[1], ARGV[2], ARGV[3]
local record = load_record(id)
if not record then return 'lost' end
local outcome = claim .. ':' .. status
if record.outcome == outcome then return 'ok' end
if not is_current(id, record, claim) then return 'lost' end

local now = now_ms()
if record.status == 'queued' and ARGV[9] ~= '' then
  start(id, record, claim, ARGV[9], now)
elseif record.status ~= 'running' then
  return 'lost'
end
record.outcome = outcome
record.error = ARGV[6] ~= '' and ARGV[6] or nil
if ARGV[7] ~= '' then record.progress = ARGV[7] end
if status == 'retrying' then
  redis.call('ZREM', K_LEASES, id)
  redis.call('ZADD', K_DUE, now + ARGV[8], id)
  record.started = nil
  move(id, record, 'retrying', 'job.retrying', now, { 'outcome', 'error', 'progress', 'started' })
else
  record.result = ARGV[4] ~= '' and ARGV[4] or nil
  record.result_path = ARGV[5] ~= '' and ARGV[5] or nil
  finish(id, record, status, now)
end
return 'ok'
