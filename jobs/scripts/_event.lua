-- Publishing: the next sequence of the tenant, the log, the bus and, where webhooks are owed, the outbox.

-- Appends the event for the record as it now is; keeps the sequence in `record.events` (the caller saves it).
local function publish(id, record, event_type, now)
  local sequence = redis.call('HINCRBY', K_TENANT .. record.tenant, 'sequence', 1)
  local body = table.concat({
    '{"id":"evt_', string.sub(id, 5), '_', record.version, '","type":"', event_type, '","timestamp":"', rfc3339(now),
    '","sequence":', sequence, ',"data":{"job":', job_document(id, record), '}}',
  })
  redis.call('XADD', K_LOG .. record.tenant, 'MAXLEN', '~', K_LOG_EVENTS, sequence .. '-0', 'v', 1, 'e', body)
  redis.call('XADD', K_BUS, 'MAXLEN', '~', K_BUS_EVENTS, '*', 't', record.tenant, 's', sequence, 'y', event_type,
    'j', id, 'n', record.version, 'e', body)
  if record.webhook_url or redis.call('EXISTS', K_ENDPOINTS .. record.tenant) == 1 then
    redis.call('XADD', K_OUTBOX, '*', 't', record.tenant, 's', sequence, 'j', id)
  end
  record.events = record.events and record.events .. ',' .. sequence or sequence
  return sequence
end
