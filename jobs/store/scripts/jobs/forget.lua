--!flags no-cluster allow-oom
--!include _clock _record _event _batch _transition
--!args tenant index
--!rows id
-- Takes jobs whose records have vanished off the lists that name them.
--
-- KEYS  none: jobs and its indexes, queues, expiries, input, arq job, garbage, vanished.
-- ARGV  index: the list in which they were found
-- Answer how many they were
--
-- Sent twice: they are on no list any more, and are not counted again.

local forgotten = 0
for _, row in ipairs(ROWS) do
  if redis.call('EXISTS', K_JOB .. row.id) == 0 and redis.call('ZREM', index, row.id) == 1 then
    forget_vanished(row.id, tenant, now_ms())
    forgotten = forgotten + 1
  end
end
return forgotten
