-- Gives a delivery up for good, with an event for the tenant. No endpoint gets that event:
-- receivers that do not take their deliveries must not cause more of them.

local function exhaust(id, delivery, now)
  finish_delivery(id, delivery, 'exhausted', now)
  if delivery.test then return end
  local is_url = not is_endpoint(delivery.target)
  local origin = is_url and string.match(delivery.url, '^[^/]+//[^/?#]+') -- the rest may be as good as a password
  record_event(delivery.tenant, 'evt_' .. string.sub(id, 5) .. '_' .. whole(now), 'webhook_delivery.exhausted',
    table.concat({
      '{"webhook_delivery":{"id":"', id, '","endpoint_id":', is_url and 'null' or '"' .. delivery.target .. '"',
      ',"origin":', origin and cjson.encode(origin) or 'null', ',"event_id":"', delivery.event_id,
      '","event_type":"', delivery.type, '","attempts":', delivery.attempt, '}}',
    }), now)
end
