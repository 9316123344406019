-- The bytes of artifacts that a tenant keeps: those of each job, template and font, and their sum. They
-- change in the step that makes a record name an artifact, or no longer name it. So what no record
-- names does not count.

-- Returns the bytes of the artifacts that a job names: a large input and its files, and the result.
local function artifact_bytes(record)
  local bytes = 0
  if record.input and record.input ~= 'inline' then bytes = tonumber(record.input_bytes or 0) end
  if record.result_path and not record.result_gone then
    -- The first member of that name is the result's own: quotes in texts before it are escaped.
    bytes = bytes + tonumber(string.match(record.result or '', '"bytes":(%d+)') or 0)
  end
  return bytes
end

-- Sets the bytes that a job (by its id), a template or a font (by `template:` or `font:` and its name)
-- keeps.
local function keep_bytes(tenant, name, bytes)
  local key = K_KEPT .. tenant
  local before = tonumber(redis.call('HGET', key, name) or 0)
  if bytes == before then return end
  if bytes > 0 then
    redis.call('HSET', key, name, string.format('%.0f', bytes))
  else
    redis.call('HDEL', key, name)
  end
  local sum = redis.call('HINCRBY', K_KEPT_BYTES, tenant, string.format('%.0f', bytes - before))
  if sum == 0 then redis.call('HDEL', K_KEPT_BYTES, tenant) end
end

-- Returns nil if the tenant may keep `more` bytes, else {"quota", bytes that it keeps, its limit}.
local function over_quota(tenant, more)
  if K_MAX_TENANT_BYTES == 0 then return nil end
  local kept = tonumber(redis.call('HGET', K_KEPT_BYTES, tenant) or 0)
  if kept < K_MAX_TENANT_BYTES and kept + more <= K_MAX_TENANT_BYTES then return nil end
  return { 'quota', kept, K_MAX_TENANT_BYTES }
end
