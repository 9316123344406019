-- Removes a job that has ended from every key that names it, and has its artifacts removed.

local function remove(id, record, now)
  local index = K_JOBS .. record.tenant
  redis.call('ZREM', index, id)
  redis.call('ZREM', index .. ':' .. record.status, id)
  if record.tags then
    for _, tag in ipairs(cjson.decode(record.tags)) do
      redis.call('ZREM', K_TAG .. record.tenant .. ':' .. tag, id)
    end
  end
  if record.batch then redis.call('ZREM', K_BATCH .. record.tenant .. ':' .. record.batch, id) end
  redis.call('ZREM', K_EXPIRY_RESULTS, id)
  redis.call('ZREM', K_EXPIRY_RECORDS, id)
  redis.call('DEL', K_JOB .. id, K_INPUT .. id)
  if record.result_path then discard(record.result_path, now) end
  discard(record.tenant .. '/' .. id, now)
end
