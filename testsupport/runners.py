"""Runners for jobs of a test: one that ends at once, and one that a test holds and releases."""

from __future__ import annotations

import asyncio

from jobs.core.job import Result
from jobs.kinds import Run


async def instant(run: Run) -> Result:
    """A runner that ends at once."""
    return Result(body=b"done", content_type="text/plain", filename="done.txt", details={"pages": 1})


class Gate:
    """A runner that signals when it has begun, and ends when the test opens the gate."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.opened = asyncio.Event()
        self.runs = 0
        self.interrupted = asyncio.Event()

    async def __call__(self, run: Run) -> Result:
        self.runs += 1
        self.begun.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.interrupted.set()
            raise
        return await instant(run)
