"""Sends webhooks.

The `dispatcher` makes deliveries of the events in the outbox, and the `deliverer` sends them.
"""
