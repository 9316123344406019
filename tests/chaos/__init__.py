"""Runs the whole system under faults and load, and checks the README's promises as clients see
them. `python -m tests.chaos` is the command; docs/contributing/chaos.md explains it."""
