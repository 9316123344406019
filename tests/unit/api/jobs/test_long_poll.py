from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from api.jobs.long_poll import changed_job
from api.jobs.waiters import Waiters
from jobs.core.errors.request import JobNotFound
from jobs.core.job import Job
from jobs.store.events.followers import Followers
from jobs.store.jobs import JobStore
from testsupport.sample_events import make_job


class OneJobStore:
    """Holds one job. `on_read` runs after every read, before the reader gets the job."""

    def __init__(self, job: Job | None) -> None:
        self.job = job
        self.reads = 0
        self.read = asyncio.Event()
        self.on_read: Any = lambda: None

    async def get(self, tenant: str, job_id: str) -> Job:
        self.reads += 1
        job = self.job
        self.on_read()
        self.read.set()
        if job is None:
            raise JobNotFound(job_id)
        return job


Poll = Callable[[str, str, Callable[[Job], bool], float], Awaitable[Job]]


def make(job: Job | None) -> tuple[OneJobStore, Waiters, Poll]:
    store, waiters = OneJobStore(job), Waiters(Followers())
    return store, waiters, functools.partial(changed_job, cast(JobStore, store), waiters)


def is_terminal(job: Job) -> bool:
    return job.is_terminal


async def test_the_job_is_read_once_if_the_request_does_not_wait() -> None:
    job = make_job(1)
    store, _, poll = make(job)
    assert await poll("acme", job.id, is_terminal, 0) is job
    assert store.reads == 1


async def test_a_job_that_is_done_is_returned_at_once() -> None:
    job = make_job(3)
    _, waiters, poll = make(job)
    assert await poll("acme", job.id, is_terminal, 25) is job
    assert len(waiters) == 0


async def test_the_answer_comes_when_the_job_is_done_and_not_before() -> None:
    job = make_job(1)
    store, waiters, poll = make(job)
    waiting = asyncio.create_task(poll("acme", job.id, is_terminal, 25))
    await store.read.wait()
    store.read.clear()
    store.job = make_job(2, job_id=job.id)
    waiters.wake("acme", job.id)
    await store.read.wait()
    assert not waiting.done()
    store.job = make_job(3, job_id=job.id)
    waiters.wake("acme", job.id)
    assert (await waiting).version == 3


async def test_a_change_between_reading_and_waiting_is_not_missed() -> None:
    job = make_job(1)
    store, waiters, poll = make(job)

    def change() -> None:
        if store.reads == 1:
            store.job = make_job(3, job_id=job.id)
            waiters.wake("acme", job.id)

    store.on_read = change
    assert (await poll("acme", job.id, is_terminal, 25)).version == 3


async def test_the_current_job_is_returned_when_the_time_is_up() -> None:
    job = make_job(1)
    _, waiters, poll = make(job)
    assert await poll("acme", job.id, is_terminal, 0.01) is job
    assert len(waiters) == 0


async def test_the_wait_ends_when_the_process_shuts_down() -> None:
    job = make_job(1)
    store, waiters, poll = make(job)
    waiting = asyncio.create_task(poll("acme", job.id, is_terminal, 25))
    await store.read.wait()
    waiters.close()
    assert await waiting is job
    assert await poll("acme", job.id, is_terminal, 25) is job


async def test_a_job_that_is_deleted_during_the_wait_is_not_found() -> None:
    job = make_job(1)
    store, waiters, poll = make(job)
    waiting = asyncio.create_task(poll("acme", job.id, is_terminal, 25))
    await store.read.wait()
    store.job = None
    waiters.wake("acme", job.id)
    with pytest.raises(JobNotFound):
        await waiting
    assert len(waiters) == 0
