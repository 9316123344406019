-- Removes a job that has ended from every key that names it, and has its artifacts removed.

-- Deletes a key whose value ends with the id; by now it may lead to another job.
local function delete_pointer(key, id)
  local known = redis.call('GET', key)
  if known and string.sub(known, -#id) == id then redis.call('DEL', key) end
end

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
  if record.idempotency then delete_pointer(K_IDEMPOTENCY .. record.tenant .. ':' .. record.idempotency, id) end
  if record.reuse then delete_pointer(K_RENDER .. record.tenant .. ':' .. record.reuse, id) end
  redis.call('DEL', K_JOB .. id, K_INPUT .. id)
  keep_bytes(record.tenant, id, 0)
  if record.result_path then discard(record.result_path, now) end
  discard(record.tenant .. '/' .. id, now)
end
