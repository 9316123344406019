"""Repeats the steps of the notifier that send webhooks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from jobs.core.errors.store import StoreError

log = structlog.get_logger(__name__)


async def repeat(
    name: str,
    step: Callable[[], Awaitable[object]],
    is_over: Callable[[], bool],
    begin: Callable[[], Awaitable[object]] | None = None,
) -> None:
    """Takes a step again and again until `is_over`, whatever it raises.

    `begin` comes first, and again after an error of unknown kind: the store may be another one.
    """
    is_begun = False
    while not is_over():  # cancelling is not enough: a call to the store may swallow that
        try:
            if begin is not None and not is_begun:
                await begin()
            is_begun = True
            await step()
        except StoreError as error:
            log.warning("webhook.interrupted", step=name, reason=str(error))
            await asyncio.sleep(0.5 + random.random())  # noqa: S311 (jitter)
        except Exception:
            log.exception("webhook.failed", step=name)
            is_begun = False
            await asyncio.sleep(1 + random.random())  # noqa: S311 (jitter)
