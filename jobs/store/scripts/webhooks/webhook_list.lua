--!flags no-cluster no-writes
--!include _webhook
-- A page of the deliveries to one target, newest first.
--
-- KEYS  none: target, delivery and its indexes.
-- ARGV  1 tenant, 2 target, 3 status (""), 4 event type (""), 5 created since (ms, ""), 6 created until (ms, ""),
--       7 limit, 8 created and 9 id of the last one shown ("")
-- Answer {records (each HGETALL with the id in front), created, id of where to go on | false, false} | "missing"

local SCAN = 1000
local tenant, target_id, status, event_type, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[7])
if redis.call('HGET', K_WEBHOOK_TARGET .. target_id, 'tenant') ~= tenant then return 'missing' end

local index = K_DELIVERIES .. target_id .. (status ~= '' and ':' .. status or '')
local newest = ARGV[8] ~= '' and ARGV[8] or ARGV[6] ~= '' and ARGV[6] or '+inf'
local oldest = ARGV[5] ~= '' and ARGV[5] or '-inf'
local found, last_created, last_id, skip, looked = {}, ARGV[8], ARGV[9], 0, 0
while looked < SCAN do
  local page = redis.call('ZREVRANGEBYSCORE', index, newest, oldest, 'WITHSCORES', 'LIMIT', skip, 100)
  for i = 1, #page, 2 do
    local id, created = page[i], page[i + 1]
    looked = looked + 1
    if created ~= ARGV[8] or id < ARGV[9] then
      local flat = redis.call('HGETALL', K_DELIVERY .. id)
      if #flat > 0 and (event_type == '' or redis.call('HGET', K_DELIVERY .. id, 'type') == event_type) then
        if #found == limit then return { found, last_created, last_id } end
        table.insert(flat, 1, id)
        found[#found + 1] = flat
      end
      last_created, last_id = created, id
    end
  end
  if #page < 200 then return { found, false, false } end
  skip = skip + 100
end
return { found, last_created, last_id }
