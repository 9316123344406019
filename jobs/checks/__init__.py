"""Checks what tenants upload in child processes that can be killed."""
