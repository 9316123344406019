"""Implements `jobs.kinds.lookups.Lookups` with the store."""

from __future__ import annotations

from typing import Any

from jobs.checks.checker import Checker
from jobs.core.errors.request import JobNotFound
from jobs.core.ids import is_job_id
from jobs.core.job import Job
from jobs.store.jobs import JobStore
from jobs.templates.template import Template
from jobs.templates.template_store import TemplateStore


class TenantLookups:
    def __init__(self, store: JobStore, templates: TemplateStore, checker: Checker, tenant: str) -> None:
        self._store = store
        self._templates = templates
        self._checker = checker
        self._tenant = tenant

    async def job(self, job_id: str) -> Job:
        if not is_job_id(job_id):
            raise JobNotFound(job_id[:64])
        return await self._store.get(self._tenant, job_id)

    async def template(self, name: str, version: int | None) -> Template:
        return await self._templates.get(self._tenant, name, version)

    async def field_errors(
        self, template: Template, data: dict[str, Any], pointer: str
    ) -> list[dict[str, str]]:
        schema = template.content.schema
        return [] if schema is None else await self._checker.data(self._tenant, schema, data, pointer)
