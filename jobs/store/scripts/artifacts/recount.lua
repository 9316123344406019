--!flags no-cluster allow-oom
--!include _record _kept
--!args limit
-- Corrects the bytes that tenants keep, for about `limit` jobs, templates and fonts; the next call goes on
-- from there, and begins again after the last. The sums are wrong after a process of an earlier
-- release worked, because it does not count, and after the store lost records.
--
-- KEYS  none: kept, kept bytes, recount, jobs of each tenant, log sizes (for the tenants), job,
--       template, fonts.
-- Answer how many were looked at
--
-- Sent twice: it goes on from there. What is right stays.

local PER_SCAN = 50

if redis.call('EXISTS', K_RECOUNT) == 0 then
  local tenants = {}
  for _, tenant in ipairs(redis.call('HKEYS', K_KEPT_BYTES)) do tenants[tenant] = true end
  for _, tenant in ipairs(redis.call('ZRANGE', K_LOG_SIZES, 0, -1)) do tenants[tenant] = true end
  for tenant in pairs(tenants) do redis.call('RPUSH', K_RECOUNT, 'jobs 0 ' .. tenant) end
end

local function recount_job(tenant, id)
  local record = load_record(id)
  keep_bytes(tenant, id, record and record.tenant == tenant and artifact_bytes(record) or 0)
end

local function recount_font(tenant, name)
  local text = redis.call('HGET', K_FONTS .. tenant, name)
  keep_bytes(tenant, 'font:' .. name, text and cjson.decode(text).bytes or 0)
end

local looked = 0
while looked < tonumber(limit) do
  local task = redis.call('LPOP', K_RECOUNT)
  if not task then break end
  local phase, cursor, tenant = string.match(task, '^(%a+) (%d+) (.*)$')
  local found
  if phase == 'jobs' then
    cursor, found = unpack(redis.call('ZSCAN', K_JOBS .. tenant, cursor, 'COUNT', PER_SCAN))
    for i = 1, #found, 2 do recount_job(tenant, found[i]) end
  else
    cursor, found = unpack(redis.call('HSCAN', K_KEPT .. tenant, cursor, 'COUNT', PER_SCAN))
    for i = 1, #found, 2 do
      local what, name = string.match(found[i], '^(%a+):(.*)$')
      if what == 'template' then
        local bytes = redis.call('HGET', K_TEMPLATE .. tenant .. ':' .. name, 'artifact_bytes')
        keep_bytes(tenant, found[i], tonumber(bytes or 0))
      elseif what == 'font' then
        recount_font(tenant, name)
      else
        recount_job(tenant, found[i])
      end
    end
  end
  looked = looked + 1 + #found / 2
  if cursor ~= '0' then
    redis.call('LPUSH', K_RECOUNT, phase .. ' ' .. cursor .. ' ' .. tenant)
  elseif phase == 'jobs' then
    -- A process of an earlier release takes the bytes of fonts for those of jobs that are gone.
    for _, name in ipairs(redis.call('HKEYS', K_FONTS .. tenant)) do
      if name ~= ':revision' then recount_font(tenant, name) end
    end
    redis.call('LPUSH', K_RECOUNT, 'kept 0 ' .. tenant)
  end
end
return looked
