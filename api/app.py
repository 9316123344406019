"""Puts the web process together.

`build` makes the services from the settings, and `create_app` makes the ASGI app from the services.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import structlog
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.auth import Authenticator
from api.access.cors import CorsMiddleware
from api.http.body import BodyBounds, new_spool
from api.http.endpoint import operations_of, resources
from api.http.problems import ProblemMiddleware
from api.jobs.lookups import TenantLookups
from api.jobs.submission import Submissions
from api.jobs.waiters import Waiters
from api.monitoring.metrics import CountingMiddleware, Metrics
from api.monitoring.readiness import Readiness
from api.monitoring.scrape import Scrape
from api.push import Push
from api.routes.batches import BatchRoutes
from api.routes.events import EventRoutes
from api.routes.fonts import FontRoutes
from api.routes.health import HealthRoutes
from api.routes.jobs import JobRoutes
from api.routes.pages import page_routes
from api.routes.pdf import PdfRoutes
from api.routes.results import ResultRoutes
from api.routes.templates import TemplateRoutes
from api.routes.tokens import TokenRoutes
from api.routes.webhook_deliveries import WebhookDeliveryRoutes
from api.routes.webhook_secrets import WebhookSecretRoutes
from api.routes.webhooks import WebhookEndpointRoutes
from api.services import Services, WebhookServices
from jobs.checks.checker import Checker
from jobs.core.egress import EgressPolicy
from jobs.core.events import Event
from jobs.core.secret_key import load_secret_keys
from jobs.core.settings import Settings
from jobs.core.tokens import Tokens
from jobs.fonts.font_store import FontStore
from jobs.isolation.level import check_required, offered
from jobs.kinds.registry import load_kinds
from jobs.kinds.spec_secrets import SpecSecrets
from jobs.monitoring.store import StoreMetrics
from jobs.process.own_addresses import is_own_address
from jobs.store.artifacts import open_artifacts
from jobs.store.batches import BatchStore
from jobs.store.client import connect
from jobs.store.events.epochs import Epochs
from jobs.store.events.event_log import EventLog
from jobs.store.events.event_tail import Tail
from jobs.store.jobs import JobStore
from jobs.store.scripts import Scripts
from jobs.templates.template_store import TemplateStore
from jobs.webhooks.credentials import CredentialsBox
from jobs.webhooks.deliveries import Deliveries
from jobs.webhooks.destination import Destinations
from jobs.webhooks.endpoints import Endpoints
from notifier.fanout.hub import Hub
from notifier.fanout.metrics import PushMetrics
from notifier.fanout.tenant_limits import TenantLimits
from notifier.transports.sessions import Sessions
from notifier.transports.sse import EventStreams
from notifier.transports.websocket_asgi import serve_websocket

log = structlog.get_logger(__name__)

_RESTART_SECONDS = 1.0


class Api(Starlette):
    """The ASGI app. It replaces Starlette's two layers for errors by `api.http.problems`."""

    def __init__(self, services: Services, push: Push, auth: Authenticator, routes: list[BaseRoute]) -> None:
        super().__init__(routes=routes, lifespan=lambda app: _lifespan(services))
        self.router.redirect_slashes = False
        self.services = services
        self.push = push
        self._auth = auth

    def build_middleware_stack(self) -> ASGIApp:
        """Returns the router, with layers around it that see HTTP requests only."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            self._auth.check_origin(scope)
            await self.router(scope, receive, send)

        answering: ASGIApp = ProblemMiddleware(guarded, self.services.settings.base_url)
        if self.services.settings.allowed_origins:
            answering = CorsMiddleware(answering, self.services.settings.allowed_origins)
        counting = CountingMiddleware(answering, self.services.metrics)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await (counting if scope["type"] == "http" else self.router)(scope, receive, send)

        return app


def create_app(services: Services, push: Push | None = None, bodies: BodyBounds | None = None) -> Api:
    """Returns the app. Its lifespan follows the event logs, which wakes waiting requests."""
    auth = Authenticator(services.settings, services.tokens, services.store.batch_of, services.clock)
    push = push or Push(
        Sessions(services.settings, services.tokens, services.hub, services.clock),
        EventStreams(services.hub, services.clock),
    )
    groups: list[object] = [
        JobRoutes(services),
        ResultRoutes(services),
        BatchRoutes(services),
        PdfRoutes(services),
        EventRoutes(services, push.streams),
        TokenRoutes(services),
        TemplateRoutes(services),
        FontRoutes(services),
        WebhookEndpointRoutes(services),
        WebhookSecretRoutes(services),
        WebhookDeliveryRoutes(services),
        HealthRoutes(services, auth),
    ]
    if bodies is None:
        spool = partial(new_spool, _spool_directory(services.settings.data_dir))
        bodies = BodyBounds(services.settings.max_body_bytes, spool)
    api = [route for group in groups for route in resources(group, auth, bodies)]
    routes = [
        *api,
        *page_routes(services, operations_of(api)),
        WebSocketRoute("/v1/ws", partial(serve_websocket, push.sessions)),
    ]
    return Api(services, push, auth, routes)


def _spool_directory(data_dir: Path) -> str | None:
    """Returns where large bodies wait. Web may have no data directory of its own."""
    return str(data_dir) if data_dir.is_dir() and os.access(data_dir, os.W_OK) else None


def build(
    settings: Settings, clock: Callable[[], float] = time.time, bodies: BodyBounds | None = None
) -> Api:
    """Returns the app and its services. Nothing is connected yet.

    Raises BadSetting if a secret key, a kind or the artifact store cannot be used, or isolation is
    required and missing.
    """
    check_required(settings.isolation)
    secret_keys = load_secret_keys(settings)
    metrics = Metrics(settings.max_tenant_bytes)
    metrics.isolation.set(offered().level)
    push_metrics = PushMetrics(metrics.registry)
    redis = connect(settings)
    scripts = Scripts(redis, settings, StoreMetrics(metrics.registry))
    artifacts = open_artifacts(settings, scripts)
    store, eventlog = JobStore(redis, scripts, artifacts), EventLog(redis)
    batches = BatchStore(scripts, artifacts)
    hub = Hub(store, eventlog, TenantLimits(scripts, settings), batches, metrics=push_metrics)
    push_metrics.watch_subscriptions(lambda: hub.limits.subscriptions)
    waiters = Waiters(hub.followers)
    kinds, templates = load_kinds(settings), TemplateStore(scripts, artifacts)
    checker = Checker(settings.isolation)
    webhooks = WebhookServices(
        endpoints=Endpoints(redis, scripts, CredentialsBox(secret_keys)),
        deliveries=Deliveries(redis, scripts),
        destinations=Destinations(EgressPolicy.from_entries(settings.egress_allow, is_own=is_own_address)),
    )
    readiness = Readiness(redis, settings, artifacts)
    services = Services(
        settings=settings,
        store=store,
        batches=batches,
        eventlog=eventlog,
        artifacts=artifacts,
        tokens=Tokens(secret_keys),
        kinds=kinds,
        submissions=Submissions(
            kinds,
            settings.render_timeout,
            webhooks.destinations,
            partial(TenantLookups, store, templates, checker),
            SpecSecrets(lambda: secret_keys),
        ),
        waiters=waiters,
        tail=_tail(redis, waiters, hub, Epochs(scripts)),
        hub=hub,
        readiness=readiness,
        webhooks=webhooks,
        templates=templates,
        fonts=FontStore(scripts, artifacts),
        checker=checker,
        clock=clock,
        metrics=metrics,
        scrape=Scrape(metrics, readiness, scripts, kinds, partial(push_metrics.compare_clocks, redis)),
    )
    sessions = Sessions(settings, services.tokens, hub, clock, metrics=push_metrics)
    streams = EventStreams(hub, clock)
    push_metrics.watch_connections("sse", lambda: len(streams.open))
    return create_app(services, Push(sessions, streams), bodies)


def _tail(redis: Redis, waiters: Waiters, hub: Hub, epochs: Epochs) -> Tail:
    def on_event(event: Event) -> None:
        if event.job_id is not None:
            waiters.wake(event.tenant, event.job_id)
        hub.on_event(event)

    return Tail(
        redis,
        on_event=on_event,
        on_progress=hub.on_progress,
        on_gap=partial(_look_again, waiters, hub),
        epochs=epochs,
        followers=hub.followers,
    )


def _look_again(waiters: Waiters, hub: Hub) -> None:
    """Makes waiting requests and subscribers read the store again, after events were missed."""
    waiters.wake_all()
    hub.on_gap()


@contextlib.asynccontextmanager
async def _lifespan(services: Services) -> AsyncIterator[None]:
    tail, hub, waiters = services.tail, services.hub, services.waiters
    following = [
        asyncio.create_task(_keep_running("tail", tail.run, partial(_look_again, waiters, hub))),
        asyncio.create_task(_keep_running("hub", lambda: hub.run(tail.ready), hub.on_gap)),
    ]
    try:
        yield
    finally:
        waiters.close()
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await services.checker.close()


async def _keep_running(name: str, run: Callable[[], Awaitable[None]], repair: Callable[[], None]) -> None:
    """Restarts `run` whenever it ends: without the tail, waiting requests would time out."""
    while True:
        try:
            await run()
        except Exception:  # must not end the process
            log.exception(f"{name}.failed")
        repair()
        await asyncio.sleep(_RESTART_SECONDS)
