-- Switches off a target that does not take its deliveries, with an event for the tenant.

-- An endpoint becomes disabled, and the sweep discards its pending deliveries. An origin of
-- webhook_urls cannot be disabled: the sweep gives its pending deliveries up, and later ones are
-- sent again.
local function give_up_on(target_id, target, reason, now)
  local key = K_WEBHOOK_TARGET .. target_id
  redis.call('ZREM', K_WEBHOOK_RING, target_id)
  redis.call('ZREM', K_WEBHOOK_WAKE, target_id)
  redis.call('ZREM', K_WEBHOOK_BROKEN, target_id)
  redis.call('SADD', K_WEBHOOK_DRAIN, target_id)
  if not is_endpoint(target_id) then
    redis.call('HDEL', key, 'failing', 'failures', 'opens', 'held', 'window')
    redis.call('HSET', key, 'given_up', whole(now))
    return
  end
  target.status = 'disabled'
  local change = next_change(target.tenant)
  redis.call('ZADD', K_ENDPOINTS .. target.tenant, change, target_id)
  redis.call('HSET', key, 'status', 'disabled', 'reason', reason, 'disabled', whole(now), 'updated', whole(now),
    'changed', change)
  local failing = target.failing and '"' .. rfc3339(target.failing) .. '"' or 'null'
  announce(target.tenant, 'evt_' .. string.sub(target_id, 4) .. '_' .. change, 'webhook_endpoint.disabled',
    table.concat({
      '{"webhook_endpoint":{"id":"', target_id, '","url":', cjson.encode(redis.call('HGET', key, 'url')),
      ',"status":"disabled","disabled_reason":"', reason, '","disabled_at":"', rfc3339(now), '","failing_since":',
      failing, '}}',
    }), now)
end
