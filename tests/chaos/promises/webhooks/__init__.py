"""Promises about webhooks."""
