"""Waits with an answer until the job has changed as the client asked (long polling)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from api.jobs.waiters import Waiters
from jobs.core.job import Job
from jobs.process.event_wait import is_set_within
from jobs.store.jobs import JobStore


async def changed_job(
    store: JobStore,
    waiters: Waiters,
    tenant: str,
    job_id: str,
    is_done: Callable[[Job], bool],
    seconds: float,
) -> Job:
    """Returns the job when `is_done` accepts it, after `seconds`, or at shutdown.

    Raises JobNotFound if the tenant has no such job, or no longer.
    """
    if seconds <= 0:
        return await store.get(tenant, job_id)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    with waiters.registered(tenant, job_id) as changed:
        while True:
            changed.clear()
            job = await store.get(tenant, job_id)
            if is_done(job) or waiters.closed:
                return job
            if not await is_set_within(changed, deadline - loop.time()):
                return job
