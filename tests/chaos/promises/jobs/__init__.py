"""Promises about jobs: that they end, how they get there, and what they produce."""
