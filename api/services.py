"""What the handlers work with. `api.app.build` makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from api.jobs.submission import Submissions
from api.jobs.waiters import Waiters
from api.monitoring.metrics import Metrics
from api.monitoring.readiness import Readiness
from api.monitoring.scrape import Scrape
from jobs.checks.checker import Checker
from jobs.core.settings import Settings
from jobs.core.tokens import Tokens
from jobs.fonts.font_store import FontStore
from jobs.kinds import Kind
from jobs.store.artifacts import Artifacts
from jobs.store.batches import BatchStore
from jobs.store.events.event_log import EventLog
from jobs.store.events.event_tail import Tail
from jobs.store.jobs import JobStore
from jobs.templates.template_store import TemplateStore
from jobs.webhooks.deliveries import Deliveries
from jobs.webhooks.destination import Destinations
from jobs.webhooks.endpoints import Endpoints
from notifier.fanout.hub import Hub


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookServices:
    endpoints: Endpoints
    deliveries: Deliveries
    destinations: Destinations


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
    fonts: FontStore
    checker: Checker
    """Checks templates, their data and fonts in child processes."""
    clock: Callable[[], float]
    """Returns the time now, in Unix seconds."""
    metrics: Metrics
    scrape: Scrape
