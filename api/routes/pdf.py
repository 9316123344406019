"""`/v1/pdf`: the short way. The body is the document, and the PDF can be the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Caller
from api.contract.answers import PDF_ANSWERS, PDF_PROBLEMS
from api.contract.requests.jobs import JobRequest, PdfQuery
from api.http.body import BodyBounds, BodyFormat, media_type, read_body
from api.http.charset import decode_document
from api.http.operation import operation
from api.http.strict_json import read_json
from api.http.upload import FILES_SCHEMA, Upload, parse_upload
from api.jobs.pdf_answer import pdf_answer, submit_pdf
from api.services import Services
from jobs.core.errors.request import InvalidInput, MalformedBody, UnsupportedMediaType
from jobs.kinds.pdf_render import PDF_RENDER

_MEMBERS = {"text/html": "html", "application/xhtml+xml": "html", "text/markdown": "markdown"}
"""Media type of a document → the member of `pdf.render`'s input that takes it."""


async def _read_document(request: Request, bounds: BodyBounds) -> Upload:
    name, charset = media_type(request.headers.get("content-type", ""))
    if name == "multipart/form-data":
        return await parse_upload(await read_body(request, bounds), request.headers)
    if name not in _MEMBERS:
        raise UnsupportedMediaType(
            "Send the document as `Content-Type: text/html` or `text/markdown`, or with files beside it as "
            "`multipart/form-data`."
        )
    member = _MEMBERS[name]
    body = await read_body(request, bounds)
    return Upload({member: decode_document(body, charset, is_html=member == "html")}, None, {})


_DOCUMENT = {"type": "string", "minLength": 1}
_UPLOAD = {
    "type": "object",
    "description": "One file named `index.html` or `index.md`, and the files that it refers to by relative name.",
    "properties": {
        "document": {
            "type": "string",
            "contentMediaType": "text/html",
            "description": "The file `index.html` or `index.md`. Its field may have any name.",
        },
        "options": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "Options of `pdf.render`, as a JSON object.",
        },
    },
    "required": ["document"],
    "additionalProperties": FILES_SCHEMA,
}
DocumentBody = Annotated[
    Upload,
    BodyFormat(
        {"text/html": _DOCUMENT, "text/markdown": _DOCUMENT, "multipart/form-data": _UPLOAD}, _read_document
    ),
]


@dataclass(frozen=True)
class PdfRoutes:
    services: Services

    @operation("POST /v1/pdf", {**PDF_ANSWERS, **PDF_PROBLEMS}, headers=("Idempotency-Key", "Prefer"))
    async def render_pdf(
        self, request: Request, caller: Caller, query: PdfQuery, body: DocumentBody
    ) -> Response:
        """Turn a document into a PDF: the body is the document."""
        if query.options is not None and body.options is not None:
            raise _refused("Give the options once.", "is a parameter of the URL and a part of the body")
        submitted = await submit_pdf(
            self.services,
            request,
            JobRequest(
                kind=PDF_RENDER.name,
                input=body.document,
                options=_options(body.options if query.options is None else query.options),
            ),
            caller.tenant,
            body.files,
        )
        body.forget()
        return await pdf_answer(self.services, request, submitted)


def _options(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        options = read_json(text.encode())
    except MalformedBody as error:
        raise _refused(f"The parameter `options`: {error}", str(error)) from None
    if not isinstance(options, dict):
        raise _refused("The parameter `options` should be a JSON object.", "should be a JSON object")
    return options


def _refused(detail: str, message: str) -> InvalidInput:
    return InvalidInput(detail, [{"pointer": "/options", "message": message}])
