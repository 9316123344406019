"""`jobs.kinds.lookups.Lookups` over the store."""

from __future__ import annotations

from jobs.errors import JobNotFound
from jobs.ids import is_job_id
from jobs.job import Job
from jobs.store import JobStore


class TenantLookups:
    """What one tenant has."""

    def __init__(self, store: JobStore, tenant: str) -> None:
        self._store = store
        self._tenant = tenant

    async def job(self, job_id: str) -> Job:
        if not is_job_id(job_id):
            raise JobNotFound(job_id[:64])
        return await self._store.get(self._tenant, job_id)
