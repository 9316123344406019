"""The input and the options of `pdf.render`, and which of them contradict each other. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WrapValidator, model_validator

from jobs.core.file_names import MAX_NAME_CHARACTERS, is_file_name
from jobs.core.ids import NAME_PATTERN
from jobs.kinds.pdf.fetch_credentials import MAX_ORIGINS, FetchCredentials, one_or_several
from jobs.kinds.pdf.option_parts import finishing
from jobs.kinds.pdf.option_parts.attachments import (
    Attachment,
    Invoice,
    attachment_contradictions,
    invoice_contradictions,
)
from jobs.kinds.pdf.option_parts.finishing import Encryption, Watermark
from jobs.kinds.pdf.option_parts.initial_view import InitialView, view_contradictions
from jobs.kinds.pdf.option_parts.optimize import Optimize
from jobs.kinds.pdf.option_parts.page_html import RepeatedHtml
from jobs.kinds.pdf.paper import Paper, contradiction, paper
from jobs.kinds.pdf.values import (
    Date,
    HttpUrl,
    Length,
    Pages,
    PdfVariant,
    ShortText,
    Strict,
    each_side,
    one_error,
    paper_size,
    pdf_name,
    standards_of,
)
from jobs.kinds.validation import problem
from jobs.render.protocol.warning_codes import Severity, WarningCode
from jobs.templates.template import MAX_VERSION

_DOCUMENTS = frozenset({"html", "markdown", "url", "template"})
_TAGGED_VARIANTS = frozenset({"pdf/a-1a", "pdf/a-2a", "pdf/a-3a", "pdf/ua-1", "pdf/ua-2"})


def _file_name(name: str | None) -> str | None:
    if name is not None and not is_file_name(name):
        raise ValueError("should be the name of a file in an upload, such as ref/page.html")
    return name


class PdfInput(Strict):
    """What to render: exactly one of these."""

    html: Annotated[str | None, Field(min_length=1, description="An HTML document.")] = None
    markdown: Annotated[
        str | None, Field(min_length=1, description="Markdown as GitHub has it, with front matter.")
    ] = None
    url: Annotated[HttpUrl | None, Field(description="Address of an HTML or Markdown document.")] = None
    template: Annotated[
        str | None,
        Field(pattern=NAME_PATTERN, description="The name of a template; `data` fills it."),
    ] = None
    version: Annotated[
        int | None, Field(ge=1, le=MAX_VERSION, description="Version of the template. Default: the newest.")
    ] = None
    data: Annotated[dict[str, Any] | None, Field(description="Variables of the template.")] = None
    index: Annotated[
        str | None,
        Field(
            max_length=MAX_NAME_CHARACTERS,
            description="Where the document stands among uploaded files, such as `ref/page.html`. Without `html` "
            "and `markdown` it is the name of the file that is the document. Default: at the root.",
        ),
        AfterValidator(_file_name),
    ] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = self.model_fields_set
        if given == {"index"}:
            raise ValueError("no file came with the job: send it and its files as multipart/form-data")
        if len(given & _DOCUMENTS) != 1 or None in (getattr(self, name) for name in given):
            raise ValueError("give exactly one of html, markdown, url and template")
        if given & {"version", "data"} and "template" not in given:
            raise ValueError("version and data go with a template")
        if "index" in given and not given & {"html", "markdown"}:
            raise ValueError("index goes with html or markdown")
        return self


class Margins(Strict):
    top: Length | None = None
    right: Length | None = None
    bottom: Length | None = None
    left: Length | None = None


class Metadata(Strict):
    """What the PDF says about itself; wins over the document's own ``<title>`` and ``<meta>``."""

    title: ShortText | None = None
    authors: Annotated[list[ShortText] | None, Field(max_length=50)] = None
    description: ShortText | None = None
    keywords: Annotated[list[ShortText] | None, Field(max_length=100)] = None
    generator: Annotated[ShortText | None, Field(description="The program that made the document.")] = None
    lang: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", description="Language (BCP 47), such as `de-AT`."
        ),
    ] = None
    created: Annotated[Date | None, Field(description="RFC 3339 time, or a date.")] = None
    modified: Annotated[Date | None, Field(description="RFC 3339 time, or a date.")] = None


class PdfOptions(Strict):
    """How to render it."""

    page_size: Annotated[
        str | None,
        Field(max_length=40, description="A name (`A4`, `letter`) or width and height (`100mm 5in`)."),
        AfterValidator(lambda size: None if size is None else paper_size(size)),
    ] = None
    orientation: Annotated[
        Literal["portrait", "landscape"] | None,
        Field(description="How a named `page_size` is turned, or A4 if there is none."),
    ] = None
    margins: Annotated[
        Margins | None,
        Field(description="Lengths by side, or one length (`15mm`) for all sides."),
        BeforeValidator(each_side, json_schema_input_type=str | Margins | None),
    ] = None
    header_html: Annotated[
        RepeatedHtml,
        Field(
            description="HTML in the top margin of each page, or of kinds of pages. Empty elements of the classes "
            "`page`, `pages` and `title` show these. The margin grows if it has no room."
        ),
    ] = None
    footer_html: Annotated[RepeatedHtml, Field(description="The same for the bottom margin.")] = None
    stylesheets: Annotated[
        list[Annotated[str, Field(min_length=1)]] | None,
        Field(max_length=20, description="CSS texts. The document's own styles win over them."),
    ] = None
    presentational_hints: Annotated[
        bool | None,
        Field(
            description="`false` ignores HTML attributes that say how an element looks, such as `bgcolor` and "
            "`align`. Default: `true`, as in browsers."
        ),
    ] = None
    media: Annotated[Literal["print", "screen"] | None, Field(description="Which `@media` rules apply.")] = (
        None
    )
    base_url: Annotated[
        HttpUrl | None,
        Field(
            description="Where relative URLs of the document begin, but those of files that came along, and links."
        ),
    ] = None
    pdf_variant: Annotated[
        PdfVariant | None,
        Field(description="A PDF standard to conform to, or two of them. The finished PDF is checked."),
    ] = None
    metadata: Metadata | None = None
    tagged: Annotated[bool | None, Field(description="Tag the PDF for accessibility.")] = None
    forms: Annotated[bool | None, Field(description="Make form fields that can be filled in.")] = None
    page_ranges: Annotated[
        Pages | None,
        Field(
            description="Only these pages of the finished document, such as `1-3,5,8-`, each once and in its order."
        ),
    ] = None
    bookmark_depth: Annotated[
        int | None,
        Field(ge=0, le=20, description="Levels of bookmarks that are kept; 0 for none. Default: all."),
    ] = None
    initial_view: InitialView | None = None
    attachments: Annotated[list[Attachment] | None, Field(max_length=50)] = None
    invoice: Invoice | None = None
    encrypt: Encryption | None = None
    watermark: Watermark | None = None
    linearize: Annotated[bool | None, Field(description="Arrange the PDF for reading while it loads.")] = None
    zoom: Annotated[
        float | None, Field(ge=0.1, le=10, description="Scales everything, the page size included.")
    ] = None
    shrink_to_fit: Annotated[
        bool | None,
        Field(
            description="If content would be cut off at a side of a page, all is drawn smaller, at most to half "
            "of its size."
        ),
    ] = None
    image_quality: Annotated[
        int | None, Field(ge=1, le=95, description="Quality of JPEG images, which are encoded again.")
    ] = None
    image_dpi: Annotated[
        int | None, Field(ge=10, le=2400, description="Images of a higher resolution are made smaller.")
    ] = None
    optimize: Optimize | None = None
    filename: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            description="Name of the PDF. Default: its title, or `document.pdf`.",
        ),
        AfterValidator(lambda name: name and pdf_name(name)),
    ] = None
    strict: Annotated[
        bool | Severity | Annotated[list[WarningCode], Field(min_length=1, max_length=50)] | None,
        one_error('true, false, "error", "warning", "info", or a list of codes of warnings'),
        Field(
            description="Warnings fail the job: all of them (`true`), those of this severity or a worse "
            "one, or those with one of these codes."
        ),
    ] = None
    fetch: Annotated[
        list[FetchCredentials] | None,
        Field(
            min_length=1,
            max_length=MAX_ORIGINS,
            description="Headers, cookies or a password for requests to some origins: one object, or a list of "
            "them. They are stored encrypted, and are gone with the input.",
        ),
        WrapValidator(
            one_or_several, json_schema_input_type=FetchCredentials | list[FetchCredentials] | None
        ),
    ] = None
    cache: Annotated[
        bool | None,
        Field(description="`false` renders even if the result of the same document could be reused."),
    ] = None

    def contradictions(self, files: Mapping[str, bytes]) -> list[dict[str, str]]:
        """Returns an error for each contradiction; `files` are the uploaded files by name."""
        attachments = self.attachments or []
        found = attachment_contradictions(attachments, self.pdf_variant, files)
        if self.invoice is not None:
            found += invoice_contradictions(self.invoice, attachments, self.pdf_variant, files)
        found += finishing.contradictions(self.encrypt, self.watermark, self.pdf_variant)
        found += view_contradictions(self.initial_view, self.pdf_variant)
        standards = standards_of(self.pdf_variant)
        if self.forms and standards[:1] and standards[0].startswith("pdf/a-1"):
            found.append(problem("/options/forms", f"fields need a newer part than {standards[0]}: pdf/a-2b"))
        if self.tagged is False and not _TAGGED_VARIANTS.isdisjoint(standards):
            found.append(problem("/options/tagged", f"{self.pdf_variant} is always tagged"))
        sheet = paper(self.page_size) if self.page_size is not None else None
        if sheet is not None and not sheet.named and self.orientation is not None:
            found.append(problem("/options/orientation", "width and height say the orientation already"))
        elif sheet is not None and (reason := contradiction(self._turned(sheet), self._margins())):
            found.append(problem("/options/margins", reason))
        return found

    def _turned(self, sheet: Paper) -> Paper:
        return sheet.turned() if self.orientation == "landscape" else sheet

    def _margins(self) -> dict[str, str]:
        return self.margins.model_dump(exclude_none=True) if self.margins else {}
