"""Requests that wait for a job to change, and what wakes them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.store.events.followers import Followers


class Waiters:
    """Who waits for which job. `api.app` lets the tail of the event logs call `wake` and `wake_all`.

    A waiter must be registered before the job is read: a change between the two then wakes it.
    """

    def __init__(self, audience: Followers) -> None:
        self._audience = audience
        self._waiting: defaultdict[tuple[str, str], set[asyncio.Event]] = defaultdict(set)
        self._closed = False

    @property
    def closed(self) -> bool:
        """True once the process is shutting down: nobody should go on waiting."""
        return self._closed

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @contextmanager
    def registered(self, tenant: str, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the job may have changed; clear it before reading the job again."""
        changed = asyncio.Event()
        if self._closed:
            changed.set()
        key = (tenant, job_id)
        self._waiting[key].add(changed)
        self._audience.join(changed)
        try:
            yield changed
        finally:
            self._audience.leave(changed)
            self._waiting[key].discard(changed)
            if not self._waiting[key]:
                del self._waiting[key]

    def wake(self, tenant: str, job_id: str) -> None:
        """The job has changed."""
        # Looked up with `get`: every event of every job passes here, and must not leave an entry behind.
        for changed in self._waiting.get((tenant, job_id), ()):
            changed.set()

    def wake_all(self) -> None:
        """Events may have been missed: whoever waits must look again."""
        for waiting in self._waiting.values():
            for changed in waiting:
                changed.set()

    def close(self) -> None:
        """The process ends: every waiting request answers with what there is."""
        self._closed = True
        self.wake_all()
