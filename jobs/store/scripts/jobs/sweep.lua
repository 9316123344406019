--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition _remove
-- Expires results (with a `job.expired` event) and records, a bounded number in one call, and names the artifacts
-- that are to be removed now.
--
-- KEYS  none: job, input, expiries, garbage, indexes, and what events write.
-- ARGV  1 how many of each
-- Answer {number expired, artifact paths}; removed paths are then taken off the garbage set with ZREM.
--
-- Sent twice: what was expired is gone from the expiry sets; paths are named until they are taken off.

local limit, now = ARGV[1], now_ms()

local function due_ids(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, limit)
end

local results = due_ids(K_EXPIRY_RESULTS)
for _, id in ipairs(results) do
  local record = load_record(id)
  redis.call('ZREM', K_EXPIRY_RESULTS, id)
  if record and record.status == 'succeeded' then
    record.result_gone = 1
    if record.result_path then discard(record.result_path, now) end
    move(id, record, 'succeeded', 'job.expired', now, { 'result_gone' })
  end
end

local records = due_ids(K_EXPIRY_RECORDS)
for _, id in ipairs(records) do
  local record = load_record(id)
  redis.call('ZREM', K_EXPIRY_RECORDS, id)
  if record then remove(id, record, now) end
end

return { #results + #records, due_ids(K_GARBAGE) }
