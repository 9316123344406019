"""Fonts that a tenant has uploaded, for all its documents."""
