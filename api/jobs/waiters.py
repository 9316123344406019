"""Keeps the requests that wait for a job to change, and wakes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Set
from contextlib import contextmanager

from jobs.store.events.followers import Followers


class Waiters:
    """The waiting requests by job. The tail of the event logs calls `wake` and `wake_all`.

    A request must register before it reads the job: a change between the two then wakes it.
    """

    def __init__(self, followers: Followers) -> None:
        self._followers = followers
        self._waiting: dict[tuple[str, str], set[asyncio.Event]] = {}
        self.closed = False
        """True when the process is shutting down: requests must not go on waiting."""

    @property
    def jobs(self) -> Set[tuple[str, str]]:
        """The jobs that requests wait for, as tenant and job id."""
        return self._waiting.keys()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @contextmanager
    def registered(self, tenant: str, job_id: str) -> Iterator[asyncio.Event]:
        """Yields an event that is set whenever the job may have changed.

        Clear it before reading the job again.
        """
        changed = asyncio.Event()
        if self.closed:
            changed.set()
        key = (tenant, job_id)
        self._waiting.setdefault(key, set()).add(changed)
        self._followers.join(changed)
        try:
            yield changed
        finally:
            self._followers.leave(changed)
            self._waiting[key].discard(changed)
            if not self._waiting[key]:
                del self._waiting[key]

    def wake(self, tenant: str, job_id: str) -> None:
        for changed in self._waiting.get((tenant, job_id), ()):
            changed.set()

    def wake_all(self) -> None:
        """Wakes all requests, because events may have been missed."""
        for waiting in self._waiting.values():
            for changed in waiting:
                changed.set()

    def close(self) -> None:
        """Ends all waiting, because the process shuts down. Every request answers at once."""
        self.closed = True
        self.wake_all()
