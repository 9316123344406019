-- What to do when a key is gone that an index still names, though no step has removed it: the store
-- evicts keys, or somebody deleted it.

-- Counts it, for the log and for `/readyz`. `kind`: jobs, batches, deliveries, events.
local function note_vanished(kind, id)
  redis.call('HINCRBY', K_VANISHED, kind, 1)
  redis.call('HSET', K_VANISHED, 'newest', id)
  redis.call('PEXPIRE', K_VANISHED, K_VANISHED_TTL_MS)
end
