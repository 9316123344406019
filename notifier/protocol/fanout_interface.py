"""What sessions and event streams need of the fan-out, which implements it in `notifier/fanout`."""

from __future__ import annotations

from typing import Protocol

from notifier.protocol.channel_subscription import ChannelSubscription
from notifier.protocol.job_subscription import JobSubscription


class CountedClient(Protocol):
    """A session or event stream that counts against its tenant's limit of connections."""

    def evict(self) -> None:
        """Ends the client: other processes turned out to have used up the limit."""


class ClientLimits(Protocol):
    def connect(self, tenant: str, client: CountedClient) -> bool:
        """Counts a connection; returns False, and counts nothing, if the tenant has too many."""

    def disconnect(self, tenant: str, client: CountedClient) -> None:
        """Takes back what `connect` has counted."""

    def subscribe(self, tenant: str) -> bool:
        """The same for a subscription."""

    def unsubscribe(self, tenant: str) -> None:
        """Takes back what `subscribe` has counted."""


class ChannelFanout(Protocol):
    """Serves subscriptions to channels and batches."""

    def open(self, subscription: ChannelSubscription) -> None:
        """Sends events to the subscription until `close`."""

    def close(self, subscription: ChannelSubscription) -> None:
        """Sends it no more events. Does nothing the second time."""


class Fanout(Protocol):
    """Serves all subscriptions of a session."""

    @property
    def feeds(self) -> ChannelFanout: ...

    @property
    def limits(self) -> ClientLimits: ...

    def watch(self, subscription: JobSubscription) -> None:
        """Sends a snapshot or `not_found` to the subscription, then every event of its job."""

    def unwatch(self, subscription: JobSubscription) -> None:
        """Sends it no more events."""
