--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition _remove
--!args limit
-- Expires results (with a `job.expired` event) and records, up to `limit` of each, and returns the
-- paths of artifacts to be removed now.
--
-- KEYS  none: job, input, expiries, garbage, indexes, and what events write.
-- Answer {number expired, artifact paths, what has vanished lately}; the caller removes the
--        artifacts, then takes the paths off.
--
-- Sent twice: what was expired is gone; paths are returned until they are taken off.

local now = now_ms()

local results = due_ids(K_EXPIRY_RESULTS, now, limit)
for _, id in ipairs(results) do
  local record = load_record(id)
  redis.call('ZREM', K_EXPIRY_RESULTS, id)
  if record and record.status == 'succeeded' then
    record.result_gone = 1
    keep_bytes(record.tenant, id, artifact_bytes(record))
    if record.result_path then discard(record.result_path, now) end
    move(id, record, 'succeeded', 'job.expired', now, { 'result_gone' })
  elseif not record then
    forget_vanished(id, nil, now)
  end
end

local records = due_ids(K_EXPIRY_RECORDS, now, limit)
for _, id in ipairs(records) do
  local record = load_record(id)
  redis.call('ZREM', K_EXPIRY_RECORDS, id)
  if record then remove(id, record, now) else forget_vanished(id, nil, now) end
end

forget_plans(K_DUE_PLANNED, now)
return { #results + #records, due_ids(K_GARBAGE, now, limit), redis.call('HGETALL', K_VANISHED) }
