"""Sending webhooks: from the outbox to deliveries (`dispatcher`), and from deliveries to requests (`deliverer`)."""
