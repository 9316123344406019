"""What web and notifier share about webhooks: endpoints, deliveries, credentials, destinations.

`notifier.webhooks` sends them.
"""
