"""Who follows live events through this process. While nobody does, its tail takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from jobs.process.event_wait import is_set_within


class Followers:
    """The subscriptions and waiting requests of this process."""

    def __init__(self) -> None:
        self._members: set[Hashable] = set()
        self._somebody = asyncio.Event()

    def join(self, member: Hashable) -> None:
        """Events matter from now on. Harmless to repeat."""
        self._members.add(member)
        self._somebody.set()

    def leave(self, member: Hashable) -> None:
        """Harmless to repeat."""
        self._members.discard(member)
        if not self._members:
            self._somebody.clear()

    async def arrives(self, within_s: float) -> None:
        """Returns as soon as somebody is there, at the latest after `within_s`."""
        await is_set_within(self._somebody, within_s)
