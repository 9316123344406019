--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition
--!args tenant id
-- Cancels every job of a batch that has not ended, which completes the batch.
--
-- KEYS  none: batch record, batch index, and those of cancel.lua.
-- Answer {"cancelled", document, kind and priority of each cancelled job, flat} | {"finished", document}
--        | {"missing"}
--
-- Sent twice: "finished", with the batch as the first call left it.

local batch = readable(load_batch(id))
if not batch or batch.tenant ~= tenant then return { 'missing' } end
if batch.finished then return { 'finished', batch_document(id, batch) } end

local now, cancelled = now_ms(), {}
for _, job_id in ipairs(redis.call('ZRANGE', K_BATCH .. tenant .. ':' .. id, 0, -1)) do
  local record = load_record(job_id)
  if not record then
    redis.call('ZREM', K_BATCH .. tenant .. ':' .. id, job_id)
    forget_vanished(job_id, tenant, now)
  elseif not record.finished then
    cancel(job_id, record, now)
    cancelled[#cancelled + 1], cancelled[#cancelled + 2] = record.kind, record.priority
  end
end
return { 'cancelled', batch_document(id, load_batch(id)), cancelled }
