--!flags no-cluster no-writes
--!args tenant
-- Returns all fonts of a tenant, and their revision.
--
-- KEYS  none: fonts.
-- Answer flat pairs name, head (JSON); one pair is ":revision" and its value

return redis.call('HGETALL', K_FONTS .. tenant)
