"""Promises about answers to requests."""
