--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition
--!args want lease_ms
--!rows id lease_end
-- Claims up to `want` jobs for a worker. First it promotes jobs that are due, fails jobs that expired,
-- and takes back leases that are confirmed lost. Costs the same with ten jobs waiting or a million.
--
-- Claims go round-robin over the tenants: next is the one whose last turn is longest ago. A tenant
-- whose queue was empty meanwhile has kept its place, and one that never had a turn is before all
-- that had one. So while a tenant waits, every other one gets one turn at most.
--
-- KEYS  none: due, ready, ring, turn, tenant, fonts, doorbell, leases, job, input, arq job, expiries, garbage, and what
--       events write.
-- ARGV  a row for each lease that this worker has seen expired for long enough, with its end as the
--       store gave it
-- Answer {claims, expired leases, next due (ms from now, -1 for never), jobs given up}; a claim is
--        {id, tenant, kind, claim, attempt, max_attempts, timeout, spec or false, input, arq entry,
--        1 if its start must be recorded by a certain time, the turn it took, the place on the ring
--        of its tenant before, the revision of the tenant's fonts or false, priority, ms that it
--        waited or -1 if it was tried before};
--        expired leases are flat pairs id, lease end; a job given up is {id, kind, priority, code}.
--
-- Sent twice (the first answer was lost): nobody holds the claims of the first call. Their leases run
-- out, and the jobs come back to the front with no attempt used.

local PER_CALL = 50 -- promotions, expiries and dead entries in one call: the store must stay responsive
local LOST_BEFORE_START = 10 -- claims that may be lost before a start; one more, and the job is given up

want = tonumber(want)
local now = now_ms()

local given_up = {}
local function give_up(id, record, code, message)
  fail(id, record, now, code, message)
  given_up[#given_up + 1] = { id, record.kind, record.priority, code }
end

-- How long a job that was never tried has waited since it was accepted, or due.
local function waited_ms(record)
  if record.attempt ~= '0' then return -1 end
  return math.max(0, now - math.max(tonumber(record.created), tonumber(record.scheduled or 0)))
end

local expired_starts = due_ids(K_EXPIRY_STARTS, now, PER_CALL)
for _, id in ipairs(expired_starts) do
  local record = load_record(id)
  redis.call('ZREM', K_EXPIRY_STARTS, id)
  if record and record.attempt == '0' and (record.status == 'queued' or record.status == 'scheduled') then
    leave_ready(id, record.tenant)
    leave_due(id)
    discard_orphan(id, record, now)
    give_up(id, record, 'job_expired', 'The job did not start within its expires_in_seconds. '
      .. 'Submit it again, with a longer time or when there is less to do.')
  elseif not record then
    forget_vanished(id, nil, now)
  end
end

plan_again(K_DUE, K_DUE_PLANNED, now, PER_CALL)
local promoted = due_ids(K_DUE, now, PER_CALL)
for _, id in ipairs(promoted) do
  local record = load_record(id)
  leave_due(id)
  if record and (record.status == 'scheduled' or record.status == 'retrying') then
    move(id, record, 'queued', 'job.queued', now, {})
    make_ready(id, record, now, BANDS[record.priority])
  elseif not record then
    forget_vanished(id, nil, now)
  end
end

for _, lost in ipairs(ROWS) do
  local id = lost.id
  local record = load_record(id)
  if redis.call('ZSCORE', K_LEASES, id) == lost.lease_end then
    if not record then
      forget_vanished(id, nil, now)
    else
      discard_orphan(id, record, now)
      local unstarted = record.status == 'queued'
      local losses = tonumber(record.losses or 0) + (unstarted and 1 or 0)
      if (record.status == 'running' and tonumber(record.attempt) >= tonumber(record.max_attempts))
        or losses > LOST_BEFORE_START then
        record.progress = nil
        give_up(id, record, 'worker_lost', 'The worker that ran this job was lost, on the last attempt too. '
          .. 'If other jobs are well, this document may be what ends the worker: see the worker\'s log.')
      else
        if unstarted then redis.call('HSET', K_JOB .. id, 'losses', losses) end
        requeue(id, record, now, true)
      end
    end
  end
end

local claims = {}
local looked = 0
-- A process of an earlier release gives turns by the ring alone, and may be ahead.
local newest_turn = redis.call('ZRANGE', K_RING, -1, -1, 'WITHSCORES')[2]
local last_turn = math.max(tonumber(redis.call('GET', K_TURN) or 0), tonumber(newest_turn or 0))
local turn = last_turn
while #claims < want and looked < want + PER_CALL do
  looked = looked + 1
  local tenant, place = unpack(redis.call('ZRANGE', K_RING, 0, 0, 'WITHSCORES'))
  if not tenant then break end
  local id = redis.call('ZPOPMIN', K_READY .. tenant)[1]
  turn = turn + 1
  redis.call('HSET', K_TENANT .. tenant, 'turn', turn)
  if redis.call('EXISTS', K_READY .. tenant) == 1 then
    redis.call('ZADD', K_RING, turn, tenant)
  else
    redis.call('ZREM', K_RING, tenant)
  end
  local record = id and load_record(id)
  if record and record.status == 'queued' then
    local claim = redis.call('HINCRBY', K_JOB .. id, 'claim', 1)
    redis.call('ZADD', K_LEASES, string.format('%.0f', now + lease_ms), id)
    claims[#claims + 1] = {
      id, tenant, record.kind, claim, tonumber(record.attempt), tonumber(record.max_attempts),
      tonumber(record.timeout or -1), redis.call('GET', K_INPUT .. id), record.input,
      redis.call('GET', K_ARQ_JOB .. id) or arq_entry(id, now), record.expires and 1 or 0,
      turn, tonumber(place), redis.call('HGET', K_FONTS .. tenant, ':revision'), record.priority,
      waited_ms(record),
    }
  elseif id and not record then
    forget_vanished(id, tenant, now)
  end
end

if turn > last_turn then redis.call('SET', K_TURN, turn) end
if #claims < want then redis.call('DEL', K_DOORBELL) end
if #promoted == PER_CALL or #expired_starts == PER_CALL or redis.call('EXISTS', K_RING) == 1 then ring_doorbell() end

local next_due = redis.call('ZRANGE', K_DUE, 0, 0, 'WITHSCORES')[2]
return {
  claims,
  due_ids(K_LEASES, now, PER_CALL, lease_ms, true),
  next_due and math.max(0, tonumber(next_due) - now) or -1,
  given_up,
}
