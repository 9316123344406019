--!flags no-cluster no-writes
--!args tenant name
-- Returns a font.
--
-- KEYS  none: fonts.
-- Answer head (JSON) | false if there is none

return redis.call('HGET', K_FONTS .. tenant, name)
