--!flags no-cluster no-writes
--!include _page
--!args tenant target_id status event_type since_ms until_ms limit last_created last_id
-- A page of the deliveries to one target, newest first.
--
-- KEYS  none: target, delivery and its indexes.
-- Args  status, event_type, since_ms, until_ms (of creation): filters, "" for all. last_created,
--       last_id: of the last one shown, "" for the first page.
-- Answer {records (each HGETALL with the id in front), created, id of where to go on | false,
--        false} | "missing"

local SCAN = 1000
if redis.call('HGET', K_WEBHOOK_TARGET .. target_id, 'tenant') ~= tenant then return 'missing' end

local index = K_DELIVERIES .. target_id .. (status ~= '' and ':' .. status or '')
return page_of(index, until_ms ~= '' and until_ms or '+inf', since_ms ~= '' and since_ms or '-inf', last_created,
  last_id, limit, SCAN, function(id)
    local flat = redis.call('HGETALL', K_DELIVERY .. id)
    if #flat == 0 or event_type ~= '' and redis.call('HGET', K_DELIVERY .. id, 'type') ~= event_type then return nil end
    table.insert(flat, 1, id)
    return flat
  end)
