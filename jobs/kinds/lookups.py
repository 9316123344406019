"""What a kind may look up while a job is submitted."""

from __future__ import annotations

from typing import Any, Protocol

from jobs.core.job import Job
from jobs.templates.template import Template


class Lookups(Protocol):
    """Bound to the tenant who submits: what belongs to another is not found. Raises `StoreUnavailable`, too."""

    async def job(self, job_id: str) -> Job:
        """Raises JobNotFound."""

    async def template(self, name: str, version: int | None) -> Template:
        """A version, or the newest. Raises TemplateNotFound."""

    async def field_errors(
        self, template: Template, data: dict[str, Any], pointer: str
    ) -> list[dict[str, str]]:
        """Where `data` does not fit the template's schema: `InvalidInput`'s errors. Raises CheckUnavailable."""
