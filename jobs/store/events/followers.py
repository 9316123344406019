"""Counts the followers of live events in this process. Without any, its tail reads less
often."""

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
        """Adds a member. May be repeated."""
        self._members.add(member)
        self._somebody.set()

    def leave(self, member: Hashable) -> None:
        """Removes a member. May be repeated."""
        self._members.discard(member)
        if not self._members:
            self._somebody.clear()

    async def arrives(self, within_s: float) -> None:
        """Returns as soon as there is a member, at the latest after `within_s`."""
        await is_set_within(self._somebody, within_s)
