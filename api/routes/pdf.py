"""`/v1/pdf`: the short way. The body is the document, and the PDF can be the answer."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.access.auth import Authenticator, Caller
from api.contract.requests import JobRequest, PdfQuery
from api.http.body import media_type, read_body
from api.http.charset import decode_document
from api.http.endpoint import Resource
from api.http.query import read_query
from api.http.strict_json import read_json
from api.http.upload import Upload, parse_upload
from api.jobs.pdf_answer import PdfAnswers
from api.services import Services
from jobs.core.errors.request import InvalidInput, MalformedBody, UnsupportedMediaType
from jobs.kinds.pdf_render import PDF_RENDER

_MEMBERS = {"text/html": "html", "application/xhtml+xml": "html", "text/markdown": "markdown"}
"""Media type of a document → the member of `pdf.render`'s input that takes it."""


class PdfRoutes:
    def __init__(self, services: Services, pdfs: PdfAnswers) -> None:
        self._max_body_bytes = services.settings.max_body_bytes
        self._pdfs = pdfs

    def routes(self, auth: Authenticator) -> list[BaseRoute]:
        return [Resource("/v1/pdf", auth.by_key, POST=self.render)]

    async def render(self, request: Request, caller: Caller) -> Response:
        """202 and the job; with `Prefer: wait=N` the PDF itself, if it is done by then."""
        options = read_query(request.scope, PdfQuery).options
        upload = await self._read_upload(request)
        if options is not None and upload.options is not None:
            raise InvalidInput(
                "Give the options once.", [_pointer("is a parameter of the URL and a part of the body")]
            )
        wanted = JobRequest(
            kind=PDF_RENDER.name,
            input=upload.document,
            options=_options(upload.options if options is None else options),
        )
        return await self._pdfs.answer(request, wanted, caller.tenant, upload.files)

    async def _read_upload(self, request: Request) -> Upload:
        name, charset = media_type(request.headers.get("content-type", ""))
        if name == "multipart/form-data":
            return await parse_upload(await read_body(request, self._max_body_bytes), request.headers)
        if name not in _MEMBERS:
            raise UnsupportedMediaType(
                "Send the document as `Content-Type: text/html` or `text/markdown`, or with files beside it as "
                "`multipart/form-data`."
            )
        member = _MEMBERS[name]
        body = await read_body(request, self._max_body_bytes)
        return Upload({member: decode_document(body, charset, is_html=member == "html")}, None, {})


def _options(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        options = read_json(text.encode())
    except MalformedBody as error:
        raise InvalidInput(f"The parameter `options`: {error}", [_pointer(str(error))]) from None
    if not isinstance(options, dict):
        raise InvalidInput(
            "The parameter `options` should be a JSON object.", [_pointer("should be a JSON object")]
        )
    return options


def _pointer(message: str) -> dict[str, str]:
    return {"pointer": "/options", "message": message}
