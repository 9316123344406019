"""The checks, one subject a module. Each says which clauses of which standards it reads."""
