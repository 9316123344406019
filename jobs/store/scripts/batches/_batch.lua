--!include _vanished
-- The batch record (a hash), its JSON document, and the count of jobs that have ended.
--
-- Fields: v (schema), tenant, total, succeeded, failed, cancelled (how many jobs ended so),
-- created, finished (once all have ended), job_ids (JSON, in the order of the submission), metadata
-- (JSON), webhook_url.

local function load_batch(id) return load_hash(K_BATCH_RECORD .. id) end

local function batch_document(id, batch)
  local self_url = K_BASE_URL .. '/v1/batches/' .. id
  return table.concat({
    '{"id":"', id, '","status":"', batch.finished and 'completed' or 'running', '","total":', batch.total,
    ',"succeeded":', batch.succeeded, ',"failed":', batch.failed, ',"cancelled":', batch.cancelled,
    ',"created_at":', time_member(batch.created), ',"finished_at":', time_member(batch.finished),
    ',"metadata":', batch.metadata, ',"job_ids":', batch.job_ids,
    ',"links":{"self":"', self_url, '","jobs":"', K_BASE_URL, '/v1/jobs?batch_id=', id, '","cancel":"', self_url,
    '/cancel","websocket":"', K_WS_URL, '"}}',
  })
end

-- One more job of the batch has reached this terminal status. After the last one, the batch is
-- completed: that event follows the job's own, and the record begins to expire.
local function count_in_batch(id, status, now)
  local key, batch = K_BATCH_RECORD .. id, load_batch(id)
  if not batch then return note_vanished('batches', id) end
  batch[status] = redis.call('HINCRBY', key, status, 1)
  if batch.succeeded + batch.failed + batch.cancelled < tonumber(batch.total) then return end
  batch.finished = math.max(now, tonumber(batch.created)) -- the clock may have been set back
  redis.call('HSET', key, 'finished', batch.finished)
  redis.call('PEXPIRE', key, K_RECORD_TTL_MS)
  announce(batch.tenant, 'evt_' .. string.sub(id, 5) .. '_1', 'batch.completed',
    '{"batch":' .. batch_document(id, batch) .. '}', now, nil, nil, batch.webhook_url)
end
