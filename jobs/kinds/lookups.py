"""What a kind can look up while a job is submitted."""

from __future__ import annotations

from typing import Any, Protocol

from jobs.core.job import Job
from jobs.templates.template import Template


class Lookups(Protocol):
    """Reads jobs and templates of the tenant that submits. May raise `StoreUnavailable`."""

    async def job(self, job_id: str) -> Job:
        """Returns a job. Raises JobNotFound."""

    async def template(self, name: str, version: int | None) -> Template:
        """Returns a version, the newest if it is None. Raises TemplateNotFound."""

    async def field_errors(
        self, template: Template, data: dict[str, Any], pointer: str
    ) -> list[dict[str, str]]:
        """Returns where `data` (at `pointer`) does not fit the schema. Raises CheckUnavailable."""
