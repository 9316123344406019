"""`/v1/templates`: put, look, list, preview, delete."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.access.auth import Authenticator, Caller
from api.contract.requests import JobRequest, NoQuery
from api.http.body import read_json_body
from api.http.endpoint import Resource
from api.http.json_responses import NO_STORE, json_reply
from api.http.problems import checked
from api.http.query import read_query
from api.jobs.pdf_answer import PdfAnswers
from api.services import Services
from api.templates.schemas import PreviewRequest, TemplateListQuery, TemplateRequest
from jobs.core.errors.request import InvalidInput, TemplateNotFound
from jobs.kinds.pdf_render import PDF_RENDER
from jobs.templates.template import MAX_VERSION, NAME_PATTERN, TemplateContent, is_template_name

_TEMPLATE = "/v1/templates/{name}"


class TemplateRoutes:
    def __init__(self, services: Services, pdfs: PdfAnswers) -> None:
        self._max_body_bytes = services.settings.max_body_bytes
        self._templates = services.templates
        self._checker = services.checker
        self._pdfs = pdfs

    def routes(self, auth: Authenticator) -> list[BaseRoute]:
        return [
            Resource("/v1/templates", auth.by_key, GET=self.list),
            Resource(_TEMPLATE, auth.by_key, PUT=self.put, GET=self.show, DELETE=self.delete),
            Resource(f"{_TEMPLATE}/versions", auth.by_key, GET=self.versions),
            Resource(f"{_TEMPLATE}/versions/{{version}}", auth.by_key, GET=self.show),
            Resource(f"{_TEMPLATE}/preview", auth.by_key, POST=self.preview),
        ]

    async def put(self, request: Request, caller: Caller) -> Response:
        """201 and the new version; 200 and the newest one, where that has the same content."""
        read_query(request.scope, NoQuery)
        name = request.path_params["name"]
        if not is_template_name(name):
            raise _refused([{"pointer": "/name", "message": f"should match {NAME_PATTERN}"}])
        body = await read_json_body(request, self._max_body_bytes)
        content = checked(TemplateRequest, body).content
        if flaws := await self._flaws(caller.tenant, content):
            raise _refused(flaws)
        version, is_new = await self._templates.put(caller.tenant, name, content)
        location = (b"location", f"/v1/templates/{name}/versions/{version.version}".encode())
        return json_reply(version.document(), 201 if is_new else 200, (NO_STORE, location))

    async def show(self, request: Request, caller: Caller) -> Response:
        """A version with its content: the one in the path, or the newest."""
        read_query(request.scope, NoQuery)
        template = await self._templates.get(caller.tenant, _name(request), _version(request))
        return json_reply(template.document())

    async def list(self, request: Request, caller: Caller) -> Response:
        """A page of templates, by name."""
        query = read_query(request.scope, TemplateListQuery)
        found, next_cursor = await self._templates.page(caller.tenant, query.limit, query.cursor)
        return json_reply({"items": [each.document() for each in found], "next_cursor": next_cursor})

    async def versions(self, request: Request, caller: Caller) -> Response:
        """A page of versions, newest first."""
        query = read_query(request.scope, TemplateListQuery)
        found, next_cursor = await self._templates.versions(
            caller.tenant, _name(request), query.limit, query.cursor
        )
        return json_reply({"items": [each.document() for each in found], "next_cursor": next_cursor})

    async def preview(self, request: Request, caller: Caller) -> Response:
        """An ordinary job with the template's sample data, or the data in the body; answers as `/v1/pdf` does."""
        read_query(request.scope, NoQuery)
        name = _name(request)
        wanted = checked(PreviewRequest, await read_json_body(request, self._max_body_bytes))
        template = await self._templates.get(caller.tenant, name, wanted.version)
        data = template.content.sample_data if wanted.data is None else wanted.data
        job = JobRequest(
            kind=PDF_RENDER.name,
            input={"template": name, "version": template.head.version, "data": data or {}},
            options=wanted.options,
        )
        return await self._pdfs.answer(request, job, caller.tenant)

    async def delete(self, request: Request, caller: Caller) -> Response:
        """204: all versions are gone."""
        read_query(request.scope, NoQuery)
        await self._templates.delete(caller.tenant, _name(request))
        return Response(status_code=204)

    async def _flaws(self, tenant: str, content: TemplateContent) -> list[dict[str, str]]:  # type: ignore[valid-type]
        flaws = await self._checker.html(tenant, content.html, "/html")
        if content.schema is not None:
            in_schema = await self._checker.schema(tenant, content.schema, "/schema")
            if not in_schema and content.sample_data is not None:
                flaws += await self._checker.data(tenant, content.schema, content.sample_data, "/sample_data")
            flaws += in_schema
        return flaws


def _name(request: Request) -> str:
    """The name in the path. Raises TemplateNotFound for text that never was one."""
    name: str = request.path_params["name"]
    if not is_template_name(name):
        raise TemplateNotFound(name)
    return name


def _version(request: Request) -> int | None:
    """The version in the path, if there is one there. Raises TemplateNotFound for text that never was one."""
    text: str | None = request.path_params.get("version")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and not text.startswith("0") and int(text[:11]) <= MAX_VERSION):
        raise TemplateNotFound(request.path_params["name"])
    return int(text)


def _refused(flaws: list[dict[str, str]]) -> InvalidInput:
    more = f" (and {len(flaws) - 1} more)" if len(flaws) > 1 else ""
    return InvalidInput(f"{flaws[0]['pointer']}: {flaws[0]['message']}{more}.", flaws)
