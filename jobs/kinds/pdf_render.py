"""`pdf.render`: HTML, Markdown or a URL in, PDF out.

Submissions are validated here, in the web process: whatever `canonical` lets pass, the renderer understands.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from jobs.egress import EgressPolicy, UrlRefused
from jobs.errors import InvalidInput, StrictWarnings
from jobs.job import Result
from jobs.kinds import Run, Runner
from jobs.kinds.paper import Paper, contradiction, length_mm, paper
from jobs.render.messages import Format, RenderRequest
from jobs.render.page_style import SIDES
from jobs.render.version import renderer_version

if TYPE_CHECKING:
    from jobs.render.pool import RenderPool

DEFAULT_FILENAME = "document.pdf"
T = TypeVar("T", bound=BaseModel)

_MAX_ERRORS = 50
_MAX_STRICT_WARNINGS_SHOWN = 10
_PLAIN_MESSAGES = {"model_type": "this must be an object", "extra_forbidden": "there is no such member"}
_NOT_IN_THE_PDF = frozenset({"filename", "strict", "cache"})
_HARMLESS = frozenset({"font_subsetting_slow"})
"""Warnings about the installation: `strict` is about the document."""

PdfVariant = Literal[
    "pdf/a-1a",
    "pdf/a-1b",
    "pdf/a-2a",
    "pdf/a-2b",
    "pdf/a-2u",
    "pdf/a-3a",
    "pdf/a-3b",
    "pdf/a-3u",
    "pdf/a-4u",
    "pdf/a-4e",
    "pdf/a-4f",
    "pdf/ua-1",
    "pdf/ua-2",
    "pdf/x-1a",
    "pdf/x-3",
    "pdf/x-4",
    "pdf/x-5g",
]
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d))?")
_WITHOUT_ATTACHMENTS = frozenset(
    {"pdf/a-1a", "pdf/a-1b", "pdf/a-2a", "pdf/a-2b", "pdf/a-2u", "pdf/a-4u", "pdf/x-1a", "pdf/x-3"}
)
_INVOICE_VARIANTS = frozenset({"pdf/a-3a", "pdf/a-3b", "pdf/a-3u"})
_TAGGED_VARIANTS = frozenset({"pdf/a-1a", "pdf/a-2a", "pdf/a-3a", "pdf/ua-1", "pdf/ua-2"})


def _http_url(url: str) -> str:
    try:
        EgressPolicy().check_url(url)
    except UrlRefused as error:
        raise ValueError(str(error)) from None
    return url


def _paper(size: str) -> str:
    paper(size)
    return size.lower()


def _length(length: str) -> str:
    length_mm(length)
    return length


def _each_side(margins: Any) -> Any:
    if not isinstance(margins, str):
        return margins
    length_mm(margins)
    return dict.fromkeys(SIDES, margins)


def _date(text: str) -> str:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a date looks like 2026-01-31, a time like 2026-01-31T12:00:00Z") from None
    return text


def _pdf_name(name: str) -> str:
    if re.search(r'[\x00-\x1f\x7f/\\"]', name) or name.strip() != name:
        raise ValueError(
            "a file name may not contain slashes, quotes or control characters, nor begin or end blank"
        )
    return name if name.lower().endswith(".pdf") else f"{name}.pdf"


def _file_name(name: str) -> str:
    if re.search(r"[\x00-\x1f\x7f/\\\\]", name):
        raise ValueError("a file name may not contain slashes or control characters")
    return name


def _base64(data: str | None) -> str | None:
    try:
        base64.b64decode(data or "", validate=True)
    except ValueError:
        raise ValueError("data should be base64") from None
    return data


Password = Annotated[str, Field(min_length=1, max_length=127)]
HttpUrl = Annotated[str, Field(min_length=1, max_length=8192), AfterValidator(_http_url)]
Length = Annotated[str, Field(max_length=20), AfterValidator(_length)]
ShortText = Annotated[str, Field(min_length=1, max_length=1000)]
Date = Annotated[str, Field(max_length=30), AfterValidator(_date)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PdfInput(_Strict):
    """What to render: exactly one of these."""

    html: Annotated[str | None, Field(min_length=1, description="An HTML document.")] = None
    markdown: Annotated[
        str | None, Field(min_length=1, description="CommonMark with tables, footnotes and strikethrough.")
    ] = None
    url: Annotated[HttpUrl | None, Field(description="Where the HTML document is.")] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1 or None in (getattr(self, name) for name in self.model_fields_set):
            raise ValueError("give exactly one of html, markdown and url")
        return self

    @property
    def format(self) -> Format:
        return "html" if self.html is not None else "markdown" if self.markdown is not None else "url"


class Margins(_Strict):
    top: Length | None = None
    right: Length | None = None
    bottom: Length | None = None
    left: Length | None = None


class Metadata(_Strict):
    """What the PDF says about itself; wins over the document's own ``<title>`` and ``<meta>``."""

    title: ShortText | None = None
    authors: Annotated[list[ShortText] | None, Field(max_length=50)] = None
    description: ShortText | None = None
    keywords: Annotated[list[ShortText] | None, Field(max_length=100)] = None
    generator: ShortText | None = None
    lang: Annotated[
        str | None, Field(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", description="BCP 47.")
    ] = None
    created: Annotated[Date | None, Field(description="RFC 3339 time, or a date.")] = None
    modified: Annotated[Date | None, Field(description="RFC 3339 time, or a date.")] = None


class Attachment(_Strict):
    """A file inside the PDF. Its content is either `data` or an uploaded `file`."""

    name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_file_name)]
    data: Annotated[str | None, AfterValidator(_base64), Field(description="Base64.")] = None
    file: Annotated[ShortText | None, Field(description="Name of a file that came with the document.")] = None
    description: ShortText | None = None
    relationship: Annotated[
        Literal["source", "data", "alternative", "supplement", "unspecified"] | None,
        Field(description="What it is to the document (ISO 32000-2, 7.11.3)."),
    ] = None

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if (self.data is None) == (self.file is None):
            raise ValueError("give either data or file")
        return self


class Invoice(_Strict):
    """Marks the PDF as an electronic invoice: Factur-X, ZUGFeRD."""

    file: Annotated[
        Literal["factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml"],
        Field(description="Name of the attachment that is the invoice."),
    ] = "factur-x.xml"
    profile: Literal["MINIMUM", "BASIC WL", "BASIC", "EN 16931", "EXTENDED", "XRECHNUNG"]


class Permissions(_Strict):
    """What readers let their users do; `false` forbids. Whoever has the owner password may do everything."""

    print: bool | None = None
    modify: bool | None = None
    copy_: Annotated[bool | None, Field(alias="copy", description="Text and pictures.")] = None
    annotate: bool | None = None
    fill_forms: bool | None = None
    assemble: Annotated[bool | None, Field(description="Insert, remove and turn pages.")] = None


class Encryption(_Strict):
    """AES-256. With a user password the PDF opens only with it; without, it only has permissions."""

    user_password: Password | None = None
    owner_password: Annotated[
        Password | None, Field(description="Default: a random one, told to nobody.")
    ] = None
    permissions: Permissions | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.user_password is None and self.owner_password is None and self.permissions is None:
            raise ValueError("give a password, or permissions")
        return self


class Watermark(_Strict):
    """A text across every page, as large as fits."""

    text: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
    color: Annotated[str | None, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = None
    opacity: Annotated[float | None, Field(gt=0, le=1)] = None
    angle: Annotated[float | None, Field(ge=-180, le=180, description="Degrees, counter-clockwise.")] = None


class PdfOptions(_Strict):
    """How to render it."""

    page_size: Annotated[
        str | None,
        Field(max_length=40, description="A name (`A4`, `letter`) or width and height (`100mm 5in`)."),
        AfterValidator(lambda size: size and _paper(size)),
    ] = None
    orientation: Annotated[
        Literal["portrait", "landscape"] | None, Field(description="Of a named page size; A4 without one.")
    ] = None
    margins: Annotated[
        Margins | None,
        Field(description="Lengths by side, or one length (`15mm`) for all sides."),
        BeforeValidator(_each_side, json_schema_input_type=str | Margins | None),
    ] = None
    stylesheets: Annotated[
        list[Annotated[str, Field(min_length=1)]] | None,
        Field(max_length=20, description="CSS texts, weaker than the document's own styles (user origin)."),
    ] = None
    media: Annotated[Literal["print", "screen"] | None, Field(description="Which `@media` rules apply.")] = (
        None
    )
    base_url: Annotated[HttpUrl | None, Field(description="What relative URLs are relative to.")] = None
    pdf_variant: Annotated[PdfVariant | None, Field(description="A standard for the PDF to keep to.")] = None
    metadata: Metadata | None = None
    tagged: Annotated[bool | None, Field(description="Tag the PDF for accessibility.")] = None
    forms: Annotated[bool | None, Field(description="Make form fields that can be filled in.")] = None
    attachments: Annotated[list[Attachment] | None, Field(max_length=50)] = None
    invoice: Invoice | None = None
    encrypt: Encryption | None = None
    watermark: Watermark | None = None
    linearize: Annotated[bool | None, Field(description="Arrange the PDF for reading while it loads.")] = None
    zoom: Annotated[
        float | None, Field(ge=0.1, le=10, description="Scales everything, the page size included.")
    ] = None
    image_quality: Annotated[
        int | None, Field(ge=1, le=95, description="Of JPEG images; re-encodes them.")
    ] = None
    image_dpi: Annotated[int | None, Field(ge=10, le=2400, description="Highest resolution of images.")] = (
        None
    )
    filename: Annotated[
        str | None, Field(min_length=1, max_length=200), AfterValidator(lambda name: name and _pdf_name(name))
    ] = None
    strict: Annotated[bool | None, Field(description="Warnings fail the job.")] = None
    cache: Annotated[
        bool | None,
        Field(
            description="`false` renders anew where the same document was rendered before (default: reuse)."
        ),
    ] = None

    def contradictions(self, files: Collection[str]) -> list[dict[str, str]]:
        """What does not go together, each with its pointer; `files` came with the document."""
        found = []
        if files and self.base_url is not None:
            found.append(_error("/options/base_url", "relative URLs are those of the files that came along"))
        found += self._attachment_contradictions(files)
        found += self._finishing_contradictions()
        if self.tagged is False and self.pdf_variant in _TAGGED_VARIANTS:
            found.append(_error("/options/tagged", f"{self.pdf_variant} is always tagged"))
        sheet = paper(self.page_size) if self.page_size is not None else None
        if sheet is not None and not sheet.named and self.orientation is not None:
            found.append(_error("/options/orientation", "width and height say the orientation already"))
        elif sheet is not None and (reason := contradiction(self._turned(sheet), self._margins())):
            found.append(_error("/options/margins", reason))
        return found

    def _attachment_contradictions(self, files: Collection[str]) -> list[dict[str, str]]:
        attachments = self.attachments or []
        names = [attachment.name for attachment in attachments]
        found = [
            _error(
                f"/options/attachments/{at}/file", f"no file named {attachment.file!r} came with the document"
            )
            for at, attachment in enumerate(attachments)
            if attachment.file is not None and attachment.file not in files
        ]
        if len(set(names)) < len(names):
            found.append(_error("/options/attachments", "two attachments have the same name"))
        if names and self.pdf_variant in _WITHOUT_ATTACHMENTS:
            found.append(_error("/options/attachments", f"{self.pdf_variant} allows no such attachments"))
        if self.invoice is not None and self.pdf_variant not in _INVOICE_VARIANTS:
            found.append(_error("/options/invoice", "an electronic invoice is PDF/A-3: set pdf_variant"))
        if self.invoice is not None and self.invoice.file not in names:
            found.append(_error("/options/invoice/file", f"there is no attachment named {self.invoice.file}"))
        return found

    def _finishing_contradictions(self) -> list[dict[str, str]]:
        found = []
        if self.encrypt is not None and (self.pdf_variant or "").startswith(("pdf/a", "pdf/x")):
            found.append(_error("/options/encrypt", f"{self.pdf_variant} forbids encryption"))
        if self.watermark is not None and self.pdf_variant is not None:
            found.append(
                _error("/options/watermark", f"a text drawn over the pages would break {self.pdf_variant}")
            )
        return found

    def _turned(self, sheet: Paper) -> Paper:
        return sheet.turned() if self.orientation == "landscape" else sheet

    def _margins(self) -> dict[str, str]:
        return self.margins.model_dump(exclude_none=True) if self.margins else {}


class PdfRender:
    """The kind; see `jobs.kinds.Kind`."""

    name = "pdf.render"

    def canonical(self, input: Any, options: Any, files: Collection[str] = ()) -> dict[str, Any]:
        errors: list[dict[str, str]] = []
        checked_input = _validated(PdfInput, input, "/input", errors)
        checked_options = _validated(PdfOptions, {} if options is None else options, "/options", errors)
        if checked_options is not None:
            errors += checked_options.contradictions(files)
        if errors or checked_input is None or checked_options is None:
            raise InvalidInput(
                "The input or the options of this pdf.render job do not fit.", errors[:_MAX_ERRORS]
            )
        return {
            "input": checked_input.model_dump(exclude_none=True),
            "options": checked_options.model_dump(exclude_none=True, by_alias=True),
        }

    def runner(self, pool: RenderPool) -> Runner:
        async def run(run: Run) -> Result:
            options = run.spec["options"]
            result = await _recalled(run) or await _rendered(run, pool)
            if options.get("strict"):
                _refuse_warnings(result.details["warnings"])
            return dataclasses.replace(result, filename=options.get("filename", DEFAULT_FILENAME))

        return run


async def _recalled(run: Run) -> Result | None:
    """A copy of what the same document became before."""
    key = _reuse_key(run.spec)
    found = await run.recall(key) if key is not None else None
    return found and dataclasses.replace(found, details={**found.details, "cached": True})


async def _rendered(run: Run, pool: RenderPool) -> Result:
    outcome = await pool.render(_request(run), timeout_ms=run.timeout_ms, report=run.report)
    return Result(
        body=outcome.pdf,
        content_type="application/pdf",
        filename=DEFAULT_FILENAME,
        details={**outcome.details, "cached": False},
        reuse_key=_reuse_key(run.spec) if outcome.self_contained else None,
    )


def _reuse_key(spec: dict[str, Any]) -> str | None:
    """Digest of all that the PDF depends on; None where it can differ each time, or is wanted anew."""
    if "url" in spec["input"] or spec["options"].get("cache") is False:
        return None
    options = {name: value for name, value in spec["options"].items() if name not in _NOT_IN_THE_PDF}
    content = json.dumps([renderer_version(), spec["input"], options, spec.get("files")], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _request(run: Run) -> RenderRequest:
    ((format, document),) = run.spec["input"].items()
    return RenderRequest(format=format, document=document, options=run.spec["options"], files=run.files)


def _refuse_warnings(warnings: list[dict[str, str]]) -> None:
    meant = [warning for warning in warnings if warning["code"] not in _HARMLESS]
    if not meant:
        return
    shown = "; ".join(
        f"{warning['code']}: {warning['message']}" for warning in meant[:_MAX_STRICT_WARNINGS_SHOWN]
    )
    more = len(meant) - _MAX_STRICT_WARNINGS_SHOWN
    rest = f"; and {more} more" if more > 0 else ""
    raise StrictWarnings(f"The document has {len(meant)} warnings, and the job is strict: {shown}{rest}")


def _validated(model: type[T], value: Any, pointer: str, errors: list[dict[str, str]]) -> T | None:
    try:
        return model.model_validate(value)
    except ValidationError as failed:
        for error in failed.errors(include_url=False, include_context=False, include_input=False):
            message = _PLAIN_MESSAGES.get(error["type"], error["msg"].removeprefix("Value error, "))
            errors.append(_error(pointer + "".join(f"/{_escaped(part)}" for part in error["loc"]), message))
        return None


def _error(pointer: str, message: str) -> dict[str, str]:
    return {"pointer": pointer, "message": message}


def _escaped(part: str | int) -> str:
    """One reference token of a JSON pointer (RFC 6901 section 3)."""
    return str(part).replace("~", "~0").replace("/", "~1")


PDF_RENDER = PdfRender()
