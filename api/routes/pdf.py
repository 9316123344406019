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
from api.http.upload.document import MEMBERS, take_document
from api.http.upload.multipart import Form
from api.http.upload.reading import FILES_SCHEMA, ZIP_SCHEMA, read_form, read_zip
from api.jobs.pdf_answer import pdf_answer, submit_pdf
from api.services import Services
from jobs.core.errors.request import InvalidInput, MalformedBody, UnsupportedMediaType
from jobs.kinds.pdf.render import PDF_RENDER


@dataclass(frozen=True, slots=True)
class SentDocument:
    form: Form
    """Its files, if there are any, and what says how to render them."""
    input: dict[str, str] | None = None
    """Of `pdf.render`, if the body is the document. Else it is one of the files."""


async def _read_document(request: Request, bounds: BodyBounds) -> SentDocument:
    name, charset = media_type(request.headers.get("content-type", ""))
    if name == "multipart/form-data":
        return SentDocument(await read_form(request, bounds, fields=_FIELDS))
    if name == "application/zip":
        return SentDocument(await read_zip(request, bounds))
    if name not in MEMBERS:
        raise UnsupportedMediaType(
            "Send the document as `Content-Type: text/html` or `text/markdown`, or with files beside it as "
            "`multipart/form-data` or `application/zip`."
        )
    member = MEMBERS[name]
    body = await read_body(request, bounds)
    return SentDocument(Form(), {member: decode_document(body, charset, is_html=member == "html")})


_FIELDS = ("options", "index")
_SECRETS_IN_URL = (
    "The option `fetch` does not belong into a URL, because logs keep URLs. Send `options` as a field of "
    "multipart/form-data, or use POST /v1/jobs."
)
_DOCUMENT = {"type": "string", "minLength": 1}
_UPLOAD = {
    "type": "object",
    "description": "The document, and the files that it refers to by relative URL.",
    "properties": {
        "document": {
            "type": "string",
            "contentMediaType": "text/html",
            "description": "The document is the file that `index` names. Default: the `index.html` or `index.md` "
            "nearest to the root, or the only HTML or Markdown file. Its field may have any name.",
        },
        "options": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "Options of `pdf.render`, as a JSON object.",
        },
        "index": {"type": "string", "description": "The name of the file that is the document."},
        "zip": ZIP_SCHEMA,
    },
    "additionalProperties": FILES_SCHEMA,
}
_ZIP = {
    "type": "string",
    "contentMediaType": "application/zip",
    "description": "The document, and the files that it refers to by relative URL.",
}
DocumentBody = Annotated[
    SentDocument,
    BodyFormat(
        {
            "text/html": _DOCUMENT,
            "text/markdown": _DOCUMENT,
            "multipart/form-data": _UPLOAD,
            "application/zip": _ZIP,
        },
        _read_document,
    ),
]


@dataclass(frozen=True)
class PdfRoutes:
    services: Services

    @operation("POST /v1/pdf", {**PDF_ANSWERS, **PDF_PROBLEMS}, headers=("Idempotency-Key", "Prefer"))
    async def render_pdf(
        self, request: Request, caller: Caller, query: PdfQuery, body: DocumentBody
    ) -> Response:
        """Turn a document into a PDF: the body is the document, or has it among files."""
        form = body.form
        options = _options(_once("options", query.options, form))
        if "fetch" in options and query.options is not None:
            raise _refused("options/fetch", _SECRETS_IN_URL)
        index = _once("index", query.index, form)
        if body.input is None:
            input = take_document(form.files, form.content_types, index, "/index")
        elif index is None:
            input = body.input
        else:
            raise _refused("index", "The body is the document: `index` names a document among files.")
        submitted = await submit_pdf(
            self.services,
            request,
            JobRequest(kind=PDF_RENDER.name, input=input, options=options),
            caller.tenant,
            form.files,
        )
        input.clear()  # A request that waits would keep document and files in memory.
        form.files.clear()
        return await pdf_answer(self.services, request, submitted)


def _once(name: str, parameter: str | None, form: Form) -> str | None:
    field = form.fields.get(name)
    if field is None:
        return parameter
    if parameter is not None:
        raise _refused(name, f"Give `{name}` once: it is a parameter of the URL and a part of the body.")
    return field.decode()


def _options(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        options = read_json(text.encode())
    except MalformedBody as error:
        raise _refused("options", f"The parameter `options`: {error}") from None
    if not isinstance(options, dict):
        raise _refused("options", "The parameter `options` should be a JSON object.")
    return options


def _refused(name: str, message: str) -> InvalidInput:
    return InvalidInput(message, [{"pointer": f"/{name}", "message": message}])
