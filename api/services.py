"""What the handlers work with. `api.app.build` makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from redis.asyncio import Redis

from api.jobs.submission import Submissions
from api.jobs.waiters import Waiters
from api.monitoring.metrics import Metrics
from api.monitoring.readiness import Readiness
from jobs.core.egress import EgressPolicy
from jobs.core.settings import Settings
from jobs.core.tokens import Tokens
from jobs.kinds import Kind
from jobs.process.own_addresses import is_own_address
from jobs.store.artifacts import Artifacts
from jobs.store.batches import BatchStore
from jobs.store.events.event_log import EventLog
from jobs.store.events.event_tail import Tail
from jobs.store.jobs import JobStore
from jobs.store.scripts import Scripts
from jobs.templates.checker import Checker
from jobs.templates.template_store import TemplateStore
from jobs.webhooks.credentials import SecretBox
from jobs.webhooks.deliveries import Deliveries
from jobs.webhooks.destination import Destinations
from jobs.webhooks.endpoints import Endpoints
from notifier.fanout.hub import Hub


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookServices:
    endpoints: Endpoints
    deliveries: Deliveries
    destinations: Destinations

    @classmethod
    def open(
        cls, settings: Settings, redis: Redis, scripts: Scripts, secret_keys: Sequence[str]
    ) -> WebhookServices:
        return cls(
            endpoints=Endpoints(redis, scripts, SecretBox(secret_keys)),
            deliveries=Deliveries(redis, scripts),
            destinations=Destinations(
                EgressPolicy.from_entries(settings.egress_allow, is_own=is_own_address)
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    settings: Settings
    store: JobStore
    batches: BatchStore
    eventlog: EventLog
    artifacts: Artifacts
    tokens: Tokens
    kinds: Mapping[str, Kind]
    submissions: Submissions
    waiters: Waiters
    tail: Tail
    hub: Hub
    """Passes events from the tail to the WebSockets and event streams of this process."""
    readiness: Readiness
    webhooks: WebhookServices
    templates: TemplateStore
    checker: Checker
    """Checks templates and their data in a child process."""
    clock: Callable[[], float]
    """Returns the time now, in Unix seconds."""
    metrics: Metrics = field(default_factory=Metrics)
