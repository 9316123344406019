--!flags no-cluster no-writes
--!include _webhook
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
local newest = last_created ~= '' and last_created or until_ms ~= '' and until_ms or '+inf'
local oldest = since_ms ~= '' and since_ms or '-inf'
local most, found, skip, looked = tonumber(limit), {}, 0, 0
local from_created, from_id = last_created, last_id
while looked < SCAN do
  local page = redis.call('ZREVRANGEBYSCORE', index, newest, oldest, 'WITHSCORES', 'LIMIT', skip, 100)
  for i = 1, #page, 2 do
    local id, created = page[i], page[i + 1]
    looked = looked + 1
    if created ~= last_created or id < last_id then
      local flat = redis.call('HGETALL', K_DELIVERY .. id)
      if #flat > 0 and (event_type == '' or redis.call('HGET', K_DELIVERY .. id, 'type') == event_type) then
        if #found == most then return { found, from_created, from_id } end
        table.insert(flat, 1, id)
        found[#found + 1] = flat
      end
      from_created, from_id = created, id
    end
  end
  if #page < 200 then return { found, false, false } end
  skip = skip + 100
end
return { found, from_created, from_id }
