"""`python -m jobs`: a worker process. Wires settings, store, render children and worker."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from functools import partial

import uvloop

from jobs.core.secret_key import load_secret_keys
from jobs.core.settings import Settings
from jobs.fonts.font_store import FontStore
from jobs.fonts.tenant_fonts import TenantFonts
from jobs.isolation.level import check_required
from jobs.kinds import Runner
from jobs.kinds.registry import load_kinds, runners_of
from jobs.kinds.spec_secrets import SpecSecrets
from jobs.monitoring.exposition import Page, new_registry, page_of
from jobs.monitoring.render_children import RenderChildMetrics
from jobs.monitoring.server import MetricsServer
from jobs.monitoring.store import StoreMetrics
from jobs.process.entry_point import run_process
from jobs.process.gc_tuning import tune_garbage_collector
from jobs.process.readiness import say_ready
from jobs.render.parent.pool import RenderPool
from jobs.store.artifacts import open_artifacts
from jobs.store.client import connect, wait_for_usable_store
from jobs.store.queue import JobQueue
from jobs.store.scripts import Scripts
from jobs.worker.metrics import WorkerMetrics
from jobs.worker.worker import JobWorker


def build(settings: Settings) -> JobWorker:
    """Builds the worker for these settings; call `run()` on it.

    Raises:
        BadSetting: a kind cannot be loaded, the place for artifacts cannot be opened, or this
            machine does not isolate documents as required.
    """
    check_required(settings.isolation)
    registry = new_registry("worker")
    redis = connect(settings)
    scripts = Scripts(redis, settings, StoreMetrics(registry))
    artifacts = open_artifacts(settings, scripts)
    queue = JobQueue(redis, scripts, artifacts)
    fonts = TenantFonts(FontStore(scripts, artifacts))
    pool = RenderPool.from_settings(settings, RenderChildMetrics(registry))
    kinds, secrets = load_kinds(settings), SpecSecrets(partial(load_secret_keys, settings))

    async def page(accept: str) -> Page:
        return page_of(registry, accept)

    metrics_server = MetricsServer(settings, page)

    async def start() -> Mapping[str, Runner]:
        await metrics_server.start()
        await wait_for_usable_store(redis)
        await pool.start()
        say_ready()
        return runners_of(kinds, pool, secrets)

    async def stop() -> None:
        await pool.close()
        await metrics_server.close()

    return JobWorker(redis, queue, settings, fonts, start=start, stop=stop, metrics=WorkerMetrics(registry))


_ENDING = (signal.SIGTERM, signal.SIGINT)


def work(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    # uvloop forgets a signal that comes after its handler was set and before the loop runs.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    loop.call_soon(signal.pthread_sigmask, signal.SIG_UNBLOCK, _ENDING)
    worker = build(settings)
    tune_garbage_collector()
    worker.run()


if __name__ == "__main__":
    run_process("worker", work)
