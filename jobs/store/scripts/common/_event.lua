--!include _trim
-- Publishing an event: the tenant's next sequence, the log, the bus and, for webhooks, the outbox.

-- Returns the epoch of the tenant's log; makes one if the first event comes without a submission.
local function epoch_of(tenant, now)
  local epoch = redis.call('HGET', K_TENANT .. tenant, 'epoch')
  if not epoch then
    epoch = string.sub(redis.sha1hex(tenant .. redis.call('TIME')[2] .. now), 1, 6)
    redis.call('HSET', K_TENANT .. tenant, 'epoch', epoch)
  end
  return epoch
end

local TERMINAL_EVENTS = { ['job.succeeded'] = true, ['job.failed'] = true, ['job.cancelled'] = true }

-- Appends an event with `data` (JSON), about a job at a version or about something else, to the log
-- and the bus; returns its sequence and body. No webhook is sent.
local function record_event(tenant, event_id, event_type, data, now, job_id, version)
  local sequence = redis.call('HINCRBY', K_TENANT .. tenant, 'sequence', 1)
  local body = table.concat({
    '{"id":"', event_id, '","type":"', event_type, '","timestamp":"', rfc3339(now), '","sequence":', sequence,
    ',"data":', data, '}',
  })
  redis.call('XADD', K_LOG .. tenant, 'MAXLEN', '~', K_LOG_EVENTS, sequence .. '-0', 'v', K_RECORD_VERSION, 'e', body)
  local about = job_id and { 'j', job_id, 'n', version } or {}
  redis.call('XADD', K_BUS, 'MAXLEN', '~', K_BUS_EVENTS, '*', 't', tenant, 'p', epoch_of(tenant, now), 's', sequence,
    'y', event_type, 'e', body, unpack(about))
  if sequence % TRIM_EVERY == 1 then trim_events(measure_log(tenant), now, LARGEST_LOGS) end
  return sequence, body
end

-- Does the same, and has webhooks sent: to the tenant's endpoints, and to `webhook_url`, if any.
--
-- The outbox gets a reference only. The body is kept beside it, so that it is there even if the log
-- was trimmed before the reference is read. It is removed with the last delivery that needs it.
local function announce(tenant, event_id, event_type, data, now, job_id, version, webhook_url)
  local sequence, body = record_event(tenant, event_id, event_type, data, now, job_id, version)
  if webhook_url or redis.call('EXISTS', K_ENDPOINTS .. tenant) == 1 then
    redis.call('HSET', K_EVENT .. tenant .. ':' .. sequence, 'id', event_id, 'type', event_type, 'body', body,
      unpack(webhook_url and { 'url', webhook_url } or {}))
    redis.call('XADD', K_OUTBOX, '*', 't', tenant, 's', sequence, unpack(job_id and { 'j', job_id } or {}))
  end
  return sequence
end

-- Appends the event for the job's record as it now is; keeps the sequence in `record.events` (the
-- caller saves it) and the document in `record.document`.
local function publish(id, record, event_type, now)
  local event_id = 'evt_' .. string.sub(id, 5) .. '_' .. record.version
  record.document = job_document(id, record)
  local sequence = announce(record.tenant, event_id, event_type, '{"job":' .. record.document .. '}', now,
    id, record.version, TERMINAL_EVENTS[event_type] and record.webhook_url or nil)
  record.events = record.events and record.events .. ',' .. sequence or sequence
  return sequence
end
