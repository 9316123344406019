"""`python -m jobs`: a worker process. Wires settings, store, render children and worker."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

import uvloop

from jobs.core.errors.store import ClusterRefused
from jobs.core.settings import BadSetting, Settings
from jobs.kinds import Runner
from jobs.kinds.registry import load_kinds
from jobs.process.gc_tuning import tune_garbage_collector
from jobs.process.logging import configure_logging
from jobs.render.parent.pool import RendererNotStarted, RenderPool
from jobs.store.artifacts import open_artifacts
from jobs.store.client import connect, refuse_cluster
from jobs.store.queue import JobQueue
from jobs.store.scripts import Scripts
from jobs.worker.worker import JobWorker


def build(settings: Settings) -> JobWorker:
    """Builds the worker for these settings; call `run()` on it.

    Raises:
        BadSetting: a kind cannot be loaded, or the place for artifacts cannot be opened.
    """
    redis = connect(settings)
    scripts = Scripts(redis, settings)
    queue = JobQueue(redis, scripts, open_artifacts(settings, scripts))
    pool = RenderPool.from_settings(settings)
    kinds = load_kinds(settings)

    async def start() -> Mapping[str, Runner]:
        await refuse_cluster(redis)
        await pool.start()
        return {name: kind.runner(pool) for name, kind in kinds.items()}

    return JobWorker(redis, queue, settings, start=start, stop=pool.close)


def main() -> None:
    """Works until SIGTERM or SIGINT. Exits with 2 if a setting is wrong."""
    asyncio.set_event_loop(uvloop.new_event_loop())
    try:
        settings = Settings.from_env(os.environ)
        configure_logging(settings, "worker")
        worker = build(settings)
    except BadSetting as error:
        print(f"pressrun worker: {error}", file=sys.stderr)
        sys.exit(2)
    tune_garbage_collector()
    try:
        worker.run()
    except (RendererNotStarted, ClusterRefused) as error:
        sys.exit(f"pressrun worker: {error}")


if __name__ == "__main__":
    main()
