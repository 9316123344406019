"""What a kind may look up while a job is submitted."""

from __future__ import annotations

from typing import Protocol

from jobs.job import Job


class Lookups(Protocol):
    """Bound to the tenant who submits: what belongs to another is not found. Raises `StoreUnavailable`, too."""

    async def job(self, job_id: str) -> Job:
        """Raises JobNotFound."""
