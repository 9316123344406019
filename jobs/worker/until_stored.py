"""Steps that wait for the store to come back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from jobs.core.errors.store import StoreError
from jobs.store.client import raise_if_cancelled

log = structlog.get_logger(__name__)

T = TypeVar("T")


async def until_stored(step: Callable[[], Awaitable[T]], retry_s: float) -> T:
    """Repeats a step until the store has answered, so that finished work is not thrown away.

    The step must be safe to repeat. Waits up to `retry_s` seconds between two tries.
    """
    while True:
        raise_if_cancelled()
        try:
            return await step()
        except StoreError as error:
            log.warning("attempt.waiting_for_store", reason=str(error))
            await asyncio.sleep(retry_s * (0.5 + random.random() / 2))  # noqa: S311 (jitter)
