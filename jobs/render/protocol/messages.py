"""The messages between a worker and its render children.

Requests are dictionaries that the worker makes. Answers come from a process that a hostile document
may control, so `parse_answer` checks the type and the size of every member before it is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from jobs.core.egress import MAX_URL_CHARACTERS
from jobs.core.http.custom_headers import HeadersByOrigin
from jobs.isolation.level import Level
from jobs.render.protocol.limits import MAX_RETRY_AFTER_S
from jobs.render.protocol.warning_codes import WarningCode
from jobs.render.protocol.wire import BadFrame, Frame

T = TypeVar("T")

MAX_ANSWER_HEADER_BYTES = 1024 * 1024
MAX_WARNINGS = 100
MAX_TITLE_CHARACTERS = 200

Format = Literal["html", "markdown", "url", "template"]
FailureCode = Literal[
    "render_failed",
    "render_out_of_memory",
    "result_too_large",
    "template_error",
    "asset_forbidden",
    "document_unreachable",
    "document_refused",
    "document_unsupported",
    "pdf_unreadable",
    "pdf_encrypted",
    "page_out_of_range",
    "form_invalid",
    "storage_failed",
    "internal_error",
]
FetchCode = Literal["unreachable", "asset_forbidden", "asset_too_large", "fetch_limit"]
"""Why an asset is missing."""
MediaType = Literal[
    "application/pdf", "image/png", "image/webp", "application/zip", "text/plain", "application/json"
]

_BEGINNINGS: Mapping[MediaType, re.Pattern[bytes]] = {
    "application/pdf": re.compile(rb"%PDF-"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "application/zip": re.compile(rb"PK\x03\x04"),
    "text/plain": re.compile(b""),
    "application/json": re.compile(rb"\{"),
}
"""How the bytes of each type of result begin. There are no other types of results."""
_PDF: tuple[MediaType, ...] = ("application/pdf",)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedFont:
    """A font that a document can use by one of its family names."""

    families: Sequence[str]
    digest: str
    """Of its content."""
    read: Callable[[], Awaitable[bytes]]
    """Returns the font as TrueType or OpenType. Raises what fails the render."""


class Request(Protocol):
    """A request to a render child."""

    @property
    def produces(self) -> Collection[MediaType]:
        """The types that the result may have."""

    def header(self, *, scratch: str, timeout_ms: int) -> dict[str, Any]:
        """Returns the request without the bytes in `body`."""

    def body(self) -> bytes:
        """Returns the bytes to work on; the header has the size of each piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderRequest:
    """Renders one document. Its members are validated by `jobs.kinds.pdf.render`."""

    format: Format
    document: str
    """HTML or Markdown text, the URL of the document, or a template."""
    data: Mapping[str, Any] | None = None
    """The variables of a template."""
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Uploaded files by name; the document refers to them by relative URL."""
    index: str | None = None
    """Where the document stands among the files; None for the root."""
    credentials: HeadersByOrigin = field(default_factory=dict, repr=False)
    """Headers for what the document fetches. They are for the fetch process: no child gets them."""
    fonts: Sequence[OfferedFont] = ()
    """The child asks for those that the document uses."""
    produces: Collection[MediaType] = _PDF

    def header(self, *, scratch: str, timeout_ms: int) -> dict[str, Any]:
        return {
            "type": "render",
            "format": self.format,
            "options": self.options,
            "data": self.data,
            "files": [[name, len(content)] for name, content in self.files.items()],
            "index": self.index,
            "fonts": [font.families for font in self.fonts],
            "scratch": scratch,
            "timeout_ms": timeout_ms,
        }

    def body(self) -> bytes:
        """Returns all files and then the document; the header has the files' names and sizes."""
        return b"".join([*self.files.values(), self.document.encode()])


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePart:
    """A PDF, or some of its pages, to merge.

    Its members are validated by `jobs.kinds.pdf.merge`.
    """

    pdf: bytes
    title: str
    """The text of its bookmark."""
    pages: str | None = None
    """The pages to take, in this order (`jobs.render.protocol.page_ranges`); None for all."""
    rotate: int = 0
    """Degrees by which the pages are turned clockwise: 0, 90, 180 or 270."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRequest:
    """Joins PDFs, one after the other."""

    parts: Sequence[MergePart]
    options: Mapping[str, Any] = field(default_factory=dict)
    produces: Collection[MediaType] = _PDF

    def header(self, *, scratch: str, timeout_ms: int) -> dict[str, Any]:
        return {
            "type": "merge",
            "parts": [
                {
                    "bytes": len(part.pdf),
                    "title": part.title,
                    "pages": part.pages,
                    "rotate": part.rotate,
                }
                for part in self.parts
            ],
            "options": self.options,
            "scratch": scratch,
            "timeout_ms": timeout_ms,
        }

    def body(self) -> bytes:
        """Returns all PDFs; the header has their sizes."""
        return b"".join(part.pdf for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRequest:
    """Draws pages of a PDF. Its members are validated by `jobs.kinds.pdf.preview`."""

    pdf: bytes
    options: Mapping[str, Any]
    produces: Collection[MediaType]

    def header(self, *, scratch: str, timeout_ms: int) -> dict[str, Any]:
        return {"type": "preview", "options": self.options, "scratch": scratch, "timeout_ms": timeout_ms}

    def body(self) -> bytes:
        return self.pdf


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRequest:
    """Fills in a form. Its members are validated by `jobs.kinds.pdf.fill`."""

    pdf: bytes
    fields: Mapping[str, str | bool | Sequence[str] | None]
    options: Mapping[str, Any] = field(default_factory=dict)
    produces: Collection[MediaType] = _PDF

    def header(self, *, scratch: str, timeout_ms: int) -> dict[str, Any]:
        return {
            "type": "fill",
            "bytes": len(self.pdf),
            "options": self.options,
            "scratch": scratch,
            "timeout_ms": timeout_ms,
        }

    def body(self) -> bytes:
        """Returns the PDF, whose size is in the header, and then the fields as JSON."""
        return self.pdf + json.dumps(self.fields).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRequest:
    """Reads the text of a PDF. Its members are validated by `jobs.kinds.pdf.text`."""

    pdf: bytes
    options: Mapping[str, Any]
    produces: Collection[MediaType]

    def header(self, *, scratch: str, timeout_ms: int) -> dict[str, Any]:
        return {"type": "text", "options": self.options, "scratch": scratch, "timeout_ms": timeout_ms}

    def body(self) -> bytes:
        return self.pdf


class CheckedMessage(BaseModel):
    """A message from a process that is not trusted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Warned(CheckedMessage):
    """A warning about the document."""

    code: WarningCode
    message: Annotated[str, Field(max_length=1000)]
    url: Annotated[str | None, Field(max_length=1000)] = None
    """What could not be fetched or used."""
    source: Annotated[str | None, Field(max_length=1000)] = None
    """The stylesheet or the element with the CSS that the warning is about."""
    line: Annotated[int | None, Field(ge=1, le=10**9)] = None
    """The line in the source."""
    element: Annotated[str | None, Field(max_length=1000)] = None
    """The element that the warning is about."""
    page: Annotated[int | None, Field(ge=1, le=10_000_000)] = None
    """The first page that the warning is about."""
    count: Annotated[int | None, Field(ge=2, le=10**9)] = None
    """How often it occurred, if more than once; the other members are about the first time."""


Clause = Annotated[str, Field(pattern=r"^\d{1,2}(\.\d{1,2}){0,6}$")]
Clauses = Annotated[list[Clause], Field(max_length=100)]


class Conformance(CheckedMessage):
    """What was checked of a standard that the PDF claims to follow."""

    variant: Annotated[str, Field(max_length=20)]
    standard: Annotated[str, Field(max_length=40)]
    passed: Clauses
    failed: Clauses


class Ready(CheckedMessage):
    """The child is warm and waits for its first request."""

    type: Literal["ready"]
    engine: Annotated[str, Field(max_length=100)]
    isolation: Level
    missing_isolation: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=5)]


class Progressed(CheckedMessage):
    """How far the current render is."""

    type: Literal["progress"]
    percent: Annotated[int, Field(ge=0, le=100)]
    stage: Annotated[str, Field(pattern=r"^[a-z_]{1,20}$")]
    page: Annotated[int | None, Field(ge=0, le=10_000_000)] = None


class AssetAsked(CheckedMessage):
    """The current render needs an asset, and waits for it."""

    type: Literal["asset"]
    url: Annotated[str, Field(max_length=MAX_URL_CHARACTERS + 1)]
    """It may be cut off after one character too many, and is refused then."""


class MoreAsked(CheckedMessage):
    """The current render waits for the next piece of the asset."""

    type: Literal["more"]


class FontAsked(CheckedMessage):
    """The current render needs one of the offered fonts, and waits for it."""

    type: Literal["font"]
    number: Annotated[int, Field(ge=0)]
    """Its place in `RenderRequest.fonts`."""


class Rendered(CheckedMessage):
    """The render has succeeded; the frame's body is the result."""

    type: Literal["rendered"]
    content_type: MediaType
    pages: Annotated[int, Field(ge=0, le=10_000_000)]
    render_ms: Annotated[int, Field(ge=0, le=10**9)]
    peak_memory_bytes: Annotated[int, Field(ge=0, le=2**48)]
    warnings: Annotated[list[Warned], Field(max_length=MAX_WARNINGS)]
    warnings_omitted: dict[WarningCode, Annotated[int, Field(ge=1, le=10**9)]] = {}
    """How many more warnings of each code there were."""
    title: Annotated[str | None, Field(max_length=MAX_TITLE_CHARACTERS)] = None
    """Of the document, as it is written there."""
    conformance: Annotated[list[Conformance], Field(max_length=2)] = []


class Failed(CheckedMessage):
    """The render has failed, or, before `Ready`, the child cannot start."""

    type: Literal["failed"]
    code: FailureCode
    message: Annotated[str, Field(max_length=4000)]
    detail: Annotated[str | None, Field(max_length=1000)] = None
    """For the log of the worker."""
    retry_after_s: Annotated[int | None, Field(ge=0, le=MAX_RETRY_AFTER_S)] = None
    """How long the server of the document has asked to wait."""


class Grown(CheckedMessage):
    """The child has freed what it can after a render, and holds more memory than it should."""

    type: Literal["grown"]


Answer = Ready | Progressed | AssetAsked | MoreAsked | FontAsked | Rendered | Failed | Grown

_ANSWERS: TypeAdapter[Answer] = TypeAdapter(Annotated[Answer, Field(discriminator="type")])


def parse_answer(frame: Frame) -> Answer:
    """Returns the answer in a frame from a render child.

    Raises:
        BadFrame: it is none of the answers above, or a result is not of the type it claims.
    """
    answer = parsed(_ANSWERS, frame)
    if isinstance(answer, Rendered) != bool(frame.body):
        raise BadFrame("an answer has a body where it should not, or none where it should")
    if isinstance(answer, Rendered) and not _BEGINNINGS[answer.content_type].match(frame.body):
        raise BadFrame(f"the result is no {answer.content_type}")
    return answer


def parsed(kinds: TypeAdapter[T], frame: Frame) -> T:
    """Returns the header of a frame, checked.

    Raises:
        BadFrame: it is none of `kinds`.
    """
    try:
        return kinds.validate_python(frame.header)
    except ValidationError as error:
        raise BadFrame(f"an answer does not fit: {error.errors(include_input=False)[0]['msg']}") from None
