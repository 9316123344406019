"""What the routes work with: made by `api.app.build`, or by a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from api.metrics import Metrics
from api.readiness import Readiness
from api.waiters import Waiters
from jobs.artifacts import Artifacts
from jobs.eventlog import EventLog
from jobs.kinds import Kind
from jobs.settings import Settings
from jobs.store import JobStore
from jobs.tail import Tail
from jobs.tokens import Tokens
from notifier.hub import Hub
from notifier.sse import EventStreams


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    settings: Settings
    store: JobStore
    eventlog: EventLog
    artifacts: Artifacts
    tokens: Tokens
    kinds: Mapping[str, Kind]
    waiters: Waiters
    tail: Tail
    hub: Hub
    """Feeds the WebSockets of this process; the tail feeds it."""
    readiness: Readiness
    streams: EventStreams
    clock: Callable[[], float]
    """The time now, in Unix seconds."""
    metrics: Metrics = field(default_factory=Metrics)

    def look_again(self) -> None:
        """Events may have been missed: whoever waits for one, on whichever channel, must look again."""
        self.waiters.wake_all()
        self.hub.on_gap()
