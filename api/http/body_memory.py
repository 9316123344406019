"""Bounds what large bodies take together: room on the disk while they come in, then memory."""

from __future__ import annotations

import asyncio
from collections import deque

from jobs.core.errors.request import ServerBusy

LARGE_BYTES = 256 * 1024
"""Larger bodies wait on disk until they are complete, and then for their share of the memory."""
SHARED_BYTES = 64 * 1024**2
"""Of bodies in memory. Checking one takes three to five times its size: text, value, spec."""

SPOOLED_BYTES = 2 * 1024**3
"""Of bodies on disk, so that slow senders cannot fill the disk of the store."""
SPOOLED_BYTES_OF_A_TENANT = SPOOLED_BYTES // 4
"""Ten bodies of the largest default size. Slow uploads of one tenant leave room for the others."""


class BodyDisk:
    """Counts the bytes of bodies on disk, in all and of each tenant."""

    def __init__(self, in_all: int = SPOOLED_BYTES, of_a_tenant: int = SPOOLED_BYTES_OF_A_TENANT) -> None:
        self._free = in_all
        self._of_a_tenant = of_a_tenant
        self._taken: dict[str, int] = {}

    def take(self, tenant: str, size: int) -> None:
        """Raises ServerBusy if there is not enough room, or not for this tenant."""
        taken = self._taken.get(tenant, 0) + size
        if size > self._free or taken > self._of_a_tenant:
            raise ServerBusy("Too many large bodies are coming in at the same time. Try again soon.")
        self._free -= size
        self._taken[tenant] = taken

    def give_back(self, tenant: str, size: int) -> None:
        self._free += size
        if left := self._taken.pop(tenant, 0) - size:
            self._taken[tenant] = left


class BodyMemory:
    """Shares out memory in the order of requests. A body larger than all of it gets all."""

    def __init__(self, in_all: int = SHARED_BYTES) -> None:
        self._in_all = in_all
        self._free = in_all
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> int:
        """Waits for memory, and returns what to give back."""
        size = min(size, self._in_all)
        if self._waiting or size > self._free:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append((size, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():  # its turn came at the same moment
                    self.give_back(size)
                else:
                    self._waiting.remove((size, turn))
                    self._serve()
                raise
        else:
            self._free -= size
        return size

    def give_back(self, size: int) -> None:
        self._free += size
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            self._free -= size
            turn.set_result(None)
