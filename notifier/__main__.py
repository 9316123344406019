"""`python -m notifier`: runs the process that pushes events over WebSockets and webhooks."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence

import structlog
import uvloop

from jobs.core.errors.store import StoreUnavailable
from jobs.core.secret_key import load_secret_keys
from jobs.core.settings import Settings
from jobs.core.tokens import Tokens
from jobs.monitoring.exposition import Page, new_registry, page_of
from jobs.monitoring.server import MetricsServer
from jobs.monitoring.store import StoreMetrics
from jobs.process.client_connections import ClientConnections
from jobs.process.entry_point import run_process
from jobs.process.gc_tuning import tune_garbage_collector
from jobs.store.artifacts import open_artifacts
from jobs.store.batches import BatchStore
from jobs.store.client import connect, wait_for_usable_store
from jobs.store.events.epochs import Epochs
from jobs.store.events.event_log import EventLog
from jobs.store.events.event_tail import Tail
from jobs.store.jobs import JobStore
from jobs.store.scripts import Scripts
from notifier.fanout.hub import Hub
from notifier.fanout.metrics import PushMetrics
from notifier.fanout.tenant_limits import TenantLimits
from notifier.transports.capacity import connection_capacity, raise_file_limit
from notifier.transports.sessions import Sessions
from notifier.transports.websocket_server import WebSocketServer
from notifier.webhooks.metrics import WebhookMetrics
from notifier.webhooks.service import WebhookService

log = structlog.get_logger("notifier")


async def run(settings: Settings, secret_keys: Sequence[str]) -> None:
    """Serves until SIGTERM or SIGINT, then disconnects the clients, finishes webhooks, and returns.

    Accepts connections while the store is away: the clients wait for their snapshots.

    Raises:
        BadSetting: the place for artifacts cannot be opened.
    """
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    registry = new_registry("notifier")
    push_metrics = PushMetrics(registry)
    redis = connect(settings)
    scripts = Scripts(redis, settings, StoreMetrics(registry))
    artifacts = open_artifacts(settings, scripts)
    hub = Hub(
        JobStore(redis, scripts, artifacts),
        EventLog(redis),
        TenantLimits(scripts, settings),
        BatchStore(scripts, artifacts),
        metrics=push_metrics,
    )
    push_metrics.watch_subscriptions(lambda: hub.limits.subscriptions)
    tail = Tail(
        redis,
        on_event=hub.on_event,
        on_progress=hub.on_progress,
        on_gap=hub.on_gap,
        epochs=Epochs(scripts),
        followers=hub.followers,
    )
    clients = ClientConnections(settings.max_connections_per_address, connection_capacity())
    server = WebSocketServer(Sessions(settings, Tokens(secret_keys), hub, metrics=push_metrics), clients)
    webhooks = WebhookService(settings, redis, scripts, secret_keys, WebhookMetrics(registry))

    async def page(accept: str) -> Page:
        with contextlib.suppress(StoreUnavailable):
            await push_metrics.compare_clocks(redis)
        return page_of(registry, accept)

    async def follow() -> None:
        await wait_for_usable_store(redis)
        with contextlib.suppress(StoreUnavailable):
            await push_metrics.compare_clocks(redis)
        await tail.run()

    metrics_server = MetricsServer(settings, page)
    await metrics_server.start()
    await server.start(settings.listen_host, settings.notifier_port)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follow()), group.create_task(hub.run(tail.ready))]
        tasks.append(group.create_task(webhooks.run()))
        try:
            await stopping.wait()
        finally:  # also if a part has failed for good, so that the others stop, too
            await asyncio.gather(server.drain(settings.drain_seconds), webhooks.drain(settings.drain_seconds))
            for task in tasks:
                task.cancel()
    await metrics_server.close()
    await redis.aclose()
    log.info("notifier.stopped")


def push(settings: Settings) -> None:
    """Pushes events until SIGTERM or SIGINT."""
    secret_keys = load_secret_keys(settings)
    raise_file_limit()
    tune_garbage_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings, secret_keys))


if __name__ == "__main__":
    run_process("notifier", push)
