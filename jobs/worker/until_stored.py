from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from jobs.core.errors.store import StoreError
from jobs.store.client import raise_if_cancelled
from jobs.worker.timing import WorkerTiming

log = structlog.get_logger(__name__)

T = TypeVar("T")


async def until_stored(step: Callable[[], Awaitable[T]], timing: WorkerTiming) -> T:
    """Repeats a step that is safe to repeat until the store answers, so that no work is lost."""
    while True:
        raise_if_cancelled()
        try:
            return await step()
        except StoreError as error:
            await wait_for_store(error, timing)


async def wait_for_store(error: StoreError, timing: WorkerTiming) -> None:
    """Waits a little before a step is tried again that failed with `error`."""
    log.warning("attempt.waiting_for_store", reason=str(error))
    await asyncio.sleep(timing.store_retry_s * (0.5 + random.random() / 2))  # noqa: S311 (jitter)
