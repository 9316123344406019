--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition
--!args began
--!rows id claim turn place
-- Hands claimed or running jobs back to the front of the queue, and gives the attempts back.
--
-- KEYS  none: job, leases, ready, ring, tenant, doorbell, garbage, and what events write.
-- ARGV  began: 1 if runs began, which may have written results; else 0. A row for each claim, in the
--       order of the claims, with its turn and place as claim.lua gave them.
-- Answer how many were handed back; claims that are lost are left alone.
--
-- Sent twice: the leases are gone after the first call; 0, which the worker ignores.

local now = now_ms()

-- A tenant gets the turns of jobs that never began back, unless it has had another one since.
if began == '0' then
  for i = #ROWS, 1, -1 do
    local each = ROWS[i]
    local record = load_record(each.id)
    if is_current(each.id, record, each.claim)
      and redis.call('HGET', K_TENANT .. record.tenant, 'turn') == each.turn then
      redis.call('HSET', K_TENANT .. record.tenant, 'turn', each.place)
      redis.call('ZADD', K_RING, 'XX', 'LT', each.place, record.tenant)
    end
  end
end

local handed_back = 0
for _, each in ipairs(ROWS) do
  local id = each.id
  local record = load_record(id)
  if is_current(id, record, each.claim) then
    if began == '1' then discard_orphan(id, record, now) end
    if record.status == 'running' then record.attempt = record.attempt - 1 end
    record.outcome = nil
    requeue(id, record, now, began == '1')
    handed_back = handed_back + 1
  end
end
return handed_back
