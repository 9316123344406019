"""`/v1/templates`: put, look, list, preview, delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Caller
from api.contract.answers import GONE, PDF_ANSWERS, PDF_PROBLEMS
from api.contract.requests.jobs import JobRequest
from api.contract.requests.templates import PreviewRequest, TemplateListQuery, TemplateRequest
from api.contract.responses.templates import TemplateDocument, TemplateList, TemplateVersionDocument
from api.http.json_responses import NO_STORE, json_reply
from api.http.operation import Answer, operation
from api.jobs.pdf_answer import pdf_answer, submit_pdf
from api.services import Services
from jobs.core.errors.request import InvalidInput, TemplateNotFound
from jobs.core.ids import NAME_PATTERN, is_name
from jobs.kinds.pdf.render import PDF_RENDER
from jobs.templates.template import MAX_VERSION, TemplateContent

_TEMPLATES = "/v1/templates"
_TEMPLATE = f"{_TEMPLATES}/{{name}}"
_TEMPLATE_NOT_FOUND = {404: "template_not_found"}


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    if not is_name(name):
        raise TemplateNotFound(name)
    return name


def _new_name(request: Request) -> str:
    name: str = request.path_params["name"]
    if not is_name(name):
        raise _refused([{"pointer": "/name", "message": f"should match {NAME_PATTERN}"}])
    return name


def _version(request: Request) -> int:
    text: str = request.path_params["version"]
    if not (text.isascii() and text.isdigit() and not text.startswith("0") and int(text[:11]) <= MAX_VERSION):
        raise TemplateNotFound(request.path_params["name"])
    return int(text)


TemplateName = Annotated[str, _name]
NewTemplateName = Annotated[str, _new_name]
TemplateVersion = Annotated[int, _version]


@dataclass(frozen=True)
class TemplateRoutes:
    services: Services

    @operation(f"GET {_TEMPLATES}", {200: Answer("A page of templates.", TemplateList)})
    async def list_templates(self, caller: Caller, query: TemplateListQuery) -> Response:
        """List templates by name, each with its newest version."""
        found, next_cursor = await self.services.templates.page(caller.tenant, query.limit, query.cursor)
        return json_reply({"items": [each.document() for each in found], "next_cursor": next_cursor})

    @operation(
        f"PUT {_TEMPLATE}",
        {
            200: Answer("The newest version already has this content.", TemplateVersionDocument),
            201: Answer("The new version.", TemplateVersionDocument, headers=("Location",)),
            409: "template_limit",
            429: "tenant_bytes_used",
            503: "store_unavailable, store_full, store_evicts, artifacts_unavailable, check_unavailable",
        },
    )
    async def put_template(self, caller: Caller, name: NewTemplateName, body: TemplateRequest) -> Response:
        """Make a new version of a template, or its first."""
        if flaws := await self._flaws(caller.tenant, body.content):
            raise _refused(flaws)
        version, is_new = await self.services.templates.put(caller.tenant, name, body.content)
        location = (b"location", f"{_TEMPLATES}/{name}/versions/{version.version}".encode())
        return json_reply(version.document(), 201 if is_new else 200, (NO_STORE, location))

    @operation(f"GET {_TEMPLATE}", {200: Answer("The version.", TemplateDocument), **_TEMPLATE_NOT_FOUND})
    async def get_template(self, caller: Caller, name: TemplateName) -> Response:
        """Get the newest version of a template."""
        return json_reply((await self.services.templates.get(caller.tenant, name)).document())

    @operation(f"DELETE {_TEMPLATE}", {204: GONE, **_TEMPLATE_NOT_FOUND})
    async def delete_template(self, caller: Caller, name: TemplateName) -> Response:
        """Delete a template with all its versions. Accepted jobs keep theirs."""
        await self.services.templates.delete(caller.tenant, name)
        return Response(status_code=204)

    @operation(
        f"GET {_TEMPLATE}/versions", {200: Answer("A page of versions.", TemplateList), **_TEMPLATE_NOT_FOUND}
    )
    async def list_template_versions(
        self, caller: Caller, name: TemplateName, query: TemplateListQuery
    ) -> Response:
        """List the versions of a template, newest first."""
        found, next_cursor = await self.services.templates.versions(
            caller.tenant, name, query.limit, query.cursor
        )
        return json_reply({"items": [each.document() for each in found], "next_cursor": next_cursor})

    @operation(
        f"GET {_TEMPLATE}/versions/{{version}}",
        {200: Answer("The version.", TemplateDocument), **_TEMPLATE_NOT_FOUND},
    )
    async def get_template_version(
        self, caller: Caller, name: TemplateName, version: TemplateVersion
    ) -> Response:
        """Get a version of a template."""
        return json_reply((await self.services.templates.get(caller.tenant, name, version)).document())

    @operation(
        f"POST {_TEMPLATE}/preview", {**PDF_ANSWERS, **PDF_PROBLEMS}, headers=("Idempotency-Key", "Prefer")
    )
    async def preview_template(
        self, request: Request, caller: Caller, name: TemplateName, body: PreviewRequest
    ) -> Response:
        """Turn a template into a PDF with its sample data, or with other data."""
        template = await self.services.templates.get(caller.tenant, name, body.version)
        data = template.content.sample_data if body.data is None else body.data
        submitted = await submit_pdf(
            self.services,
            request,
            JobRequest(
                kind=PDF_RENDER.name,
                input={"template": name, "version": template.head.version, "data": data or {}},
                options=body.options,
            ),
            caller.tenant,
        )
        body.data = data = None
        return await pdf_answer(self.services, request, submitted)

    async def _flaws(self, tenant: str, content: TemplateContent) -> list[dict[str, str]]:
        flaws = await self.services.checker.html(tenant, content.html, "/html")
        if content.schema is not None:
            in_schema = await self.services.checker.schema(tenant, content.schema, "/schema")
            if not in_schema and content.sample_data is not None:
                flaws += await self.services.checker.data(
                    tenant, content.schema, content.sample_data, "/sample_data"
                )
            flaws += in_schema
        return flaws


def _refused(flaws: list[dict[str, str]]) -> InvalidInput:
    more = f" (and {len(flaws) - 1} more)" if len(flaws) > 1 else ""
    return InvalidInput(f"{flaws[0]['pointer']}: {flaws[0]['message']}{more}.", flaws)
