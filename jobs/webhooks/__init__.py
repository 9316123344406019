"""Webhooks as the front door and the notifier both see them: endpoints, deliveries, credentials, where they may go.

What sends them is `notifier.webhooks`.
"""
