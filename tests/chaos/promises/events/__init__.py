"""Promises about the event log and those who read it."""
