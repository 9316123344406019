--!include _hash
-- The job record (a hash) and the one place where it becomes the JSON document that everybody sees.
--
-- Fields: v (schema), tenant, kind, status, version, claim, attempt, max_attempts, priority,
-- created, and if they apply: listed (its place in lists, if that is not created), scheduled,
-- expires, started, finished, timeout (ms), progress, result, error (JSON), result_path,
-- result_gone, input (artifact path, or "inline"), input_bytes (of the artifacts of the input),
-- outcome (claim:status of the last step by a
-- worker), losses (how many claims were lost before a start was recorded), events (sequences of its
-- events), tags (JSON), batch, webhook_url, idempotency and reuse (ends of the names of keys that
-- lead to this job), extras (JSON members that never change).

local function load_record(id) return load_hash(K_JOB .. id) end

-- Returns the record (of a job or batch), unless a newer release wrote it in a form that this one
-- cannot read. Scripts that answer clients ask before their first write; steps of workers do not,
-- so that one record cannot stop the queue.
local function readable(record)
  if record and tonumber(record.v or 1) > K_RECORD_VERSION then
    error(redis.error_reply('TOONEW a record has v=' .. record.v .. ', and this release reads up to ' .. K_RECORD_VERSION))
  end
  return record
end

local function time_member(ms)
  return ms and '"' .. rfc3339(tonumber(ms)) .. '"' or 'null'
end

local function result_member(self_url, record)
  if not record.result then return 'null' end
  local url = record.result_gone and 'null' or '"' .. self_url .. '/result"'
  return '{"url":' .. url .. ',' .. record.result .. '}'
end

local function job_document(id, record)
  local self_url = K_BASE_URL .. '/v1/jobs/' .. id
  return table.concat({
    '{"id":"', id, '","kind":"', record.kind, '","status":"', record.status, '","version":', record.version,
    ',"attempt":', record.attempt, ',"max_attempts":', record.max_attempts, ',"priority":"', record.priority,
    '","created_at":', time_member(record.created), ',"scheduled_at":', time_member(record.scheduled),
    ',"started_at":', time_member(record.started), ',"finished_at":', time_member(record.finished),
    ',"expires_at":', time_member(record.expires), ',"progress":', record.progress or 'null',
    ',"result":', result_member(self_url, record), ',"error":', record.error or 'null', ',', record.extras,
    ',"links":{"self":"', self_url, '","result":"', self_url, '/result","events":"', self_url,
    '/events","cancel":"', self_url, '/cancel","websocket":"', K_WS_URL, '"}}',
  })
end
