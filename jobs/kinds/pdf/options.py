"""The input and the options of `pdf.render`, and which of them contradict each other. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WrapValidator, model_validator

from jobs.core.file_names import MAX_NAME_CHARACTERS, is_file_name
from jobs.core.ids import NAME_PATTERN
from jobs.kinds.pdf import invoice_xml
from jobs.kinds.pdf.fetch_credentials import MAX_ORIGINS, FetchCredentials, one_or_several
from jobs.kinds.pdf.invoice_xml import NoInvoice
from jobs.kinds.pdf.paper import Paper, contradiction, paper
from jobs.kinds.pdf.values import (
    Date,
    HttpUrl,
    Length,
    Password,
    PdfVariant,
    ShortText,
    Strict,
    base64_text,
    each_side,
    file_name,
    paper_size,
    pdf_name,
    strictness,
)
from jobs.render.child.pdf.invoice_profiles import (
    FILE_NAMES,
    RELATIONSHIPS,
    FileName,
    Profile,
    Relationship,
)
from jobs.render.protocol.warning_codes import Severity, WarningCode
from jobs.templates.template import MAX_VERSION

_WITHOUT_ATTACHMENTS = frozenset(
    {"pdf/a-1a", "pdf/a-1b", "pdf/a-2a", "pdf/a-2b", "pdf/a-2u", "pdf/a-4u", "pdf/x-1a", "pdf/x-3"}
)
_INVOICE_VARIANTS = frozenset({"pdf/a-3a", "pdf/a-3b", "pdf/a-3u"})
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


class Attachment(Strict):
    """A file inside the PDF. Its content is either `data` or an uploaded `file`."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=200, description="The file name that PDF readers show."),
        AfterValidator(file_name),
    ]
    data: Annotated[str | None, AfterValidator(base64_text), Field(description="Base64.")] = None
    file: Annotated[ShortText | None, Field(description="Name of a file that came with the document.")] = None
    description: Annotated[ShortText | None, Field(description="For people.")] = None
    relationship: Annotated[
        Relationship | None,
        Field(
            description="Its relation to the document (ISO 32000-2, 7.11.3). Default: `unspecified`; for an "
            "`invoice`, what its profile says."
        ),
    ] = None

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if (self.data is None) == (self.file is None):
            raise ValueError("give either data or file")
        return self

    def content(self, files: Mapping[str, bytes]) -> bytes | None:
        """Returns its bytes; None if its file is not among `files`."""
        return base64.b64decode(self.data) if self.data is not None else files.get(self.file or "")


class Invoice(Strict):
    """Marks the PDF as an electronic invoice: Factur-X, ZUGFeRD."""

    profile: Annotated[
        Profile, Field(description="The profile that the XML follows; the PDF's metadata names it.")
    ]
    file: Annotated[
        FileName,
        Field(
            description="Name of the attachment that is the invoice. Default: `xrechnung.xml` for XRECHNUNG, "
            "`factur-x.xml` for all others."
        ),
    ] = "factur-x.xml"

    @model_validator(mode="before")
    @classmethod
    def _named_by_profile(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("profile") == "XRECHNUNG":
            return {"file": FILE_NAMES["XRECHNUNG"][0], **value}
        return value

    @model_validator(mode="after")
    def _name_fits(self) -> Self:
        allowed = FILE_NAMES[self.profile]
        if self.file not in allowed:
            raise ValueError(f"the file of a {self.profile} invoice is named {' or '.join(allowed)}")
        return self


class Permissions(Strict):
    """What PDF readers allow; `false` forbids. With the owner password, everything is allowed."""

    print: Annotated[bool | None, Field(description="Print the pages.")] = None
    modify: Annotated[bool | None, Field(description="Change the pages.")] = None
    copy_: Annotated[bool | None, Field(alias="copy", description="Text and pictures.")] = None
    annotate: Annotated[bool | None, Field(description="Add and change comments.")] = None
    fill_forms: Annotated[bool | None, Field(description="Fill in form fields.")] = None
    assemble: Annotated[bool | None, Field(description="Insert, remove and turn pages.")] = None


class Encryption(Strict):
    """AES-256. A user password is needed to open the PDF; without one, it only has permissions."""

    user_password: Annotated[Password | None, Field(description="Opens the PDF.")] = None
    owner_password: Annotated[
        Password | None,
        Field(description="Lifts all permissions. Default: a random one, which is not stored."),
    ] = None
    permissions: Permissions | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.user_password is None and self.owner_password is None and self.permissions is None:
            raise ValueError("give a password, or permissions")
        return self


class Watermark(Strict):
    """A text across every page, as large as fits."""

    text: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            pattern=r"^[^\x00-\x1f\x7f]+$",
            description="One line, such as `DRAFT`.",
        ),
    ]
    color: Annotated[
        str | None, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="Default: `#808080`, a gray.")
    ] = None
    opacity: Annotated[
        float | None, Field(gt=0, le=1, description="1 hides what is below. Default: 0.2.")
    ] = None
    angle: Annotated[
        float | None, Field(ge=-180, le=180, description="Degrees, counter-clockwise. Default: 45.")
    ] = None


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
    pdf_variant: Annotated[PdfVariant | None, Field(description="A PDF standard to conform to.")] = None
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
        WrapValidator(strictness),
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
        found = self._attachment_contradictions(files)
        found += self._invoice_contradictions(files)
        found += self._finishing_contradictions()
        if self.tagged is False and self.pdf_variant in _TAGGED_VARIANTS:
            found.append(problem("/options/tagged", f"{self.pdf_variant} is always tagged"))
        sheet = paper(self.page_size) if self.page_size is not None else None
        if sheet is not None and not sheet.named and self.orientation is not None:
            found.append(problem("/options/orientation", "width and height say the orientation already"))
        elif sheet is not None and (reason := contradiction(self._turned(sheet), self._margins())):
            found.append(problem("/options/margins", reason))
        return found

    def _attachment_contradictions(self, files: Mapping[str, bytes]) -> list[dict[str, str]]:
        attachments = self.attachments or []
        names = [attachment.name for attachment in attachments]
        found = [
            problem(
                f"/options/attachments/{at}/file", f"no file named {attachment.file!r} came with the document"
            )
            for at, attachment in enumerate(attachments)
            if attachment.file is not None and attachment.file not in files
        ]
        if len(set(names)) < len(names):
            found.append(problem("/options/attachments", "two attachments have the same name"))
        if names and self.pdf_variant in _WITHOUT_ATTACHMENTS:
            found.append(problem("/options/attachments", f"{self.pdf_variant} allows no such attachments"))
        return found

    def _invoice_contradictions(self, files: Mapping[str, bytes]) -> list[dict[str, str]]:
        invoice = self.invoice
        if invoice is None:
            return []
        found = []
        if self.pdf_variant not in _INVOICE_VARIANTS:
            found.append(problem("/options/invoice", "an electronic invoice is PDF/A-3: set pdf_variant"))
        attachments = [each for each in enumerate(self.attachments or ()) if each[1].name == invoice.file]
        if not attachments:
            found.append(problem("/options/invoice/file", f"there is no attachment named {invoice.file}"))
        for at, attachment in attachments:
            allowed = RELATIONSHIPS[invoice.profile]
            if attachment.relationship not in (None, *allowed):
                message = (
                    f"an invoice of the profile {invoice.profile} is {' or '.join(allowed)}: leave it out"
                )
                found.append(problem(f"/options/attachments/{at}/relationship", message))
            content = attachment.content(files)
            if content is not None:
                try:
                    invoice_xml.check(content, invoice.profile)
                except NoInvoice as error:
                    message = f"{invoice.file} is no invoice of the profile {invoice.profile}: it {error}"
                    found.append(problem(f"/options/attachments/{at}", message))
        return found

    def _finishing_contradictions(self) -> list[dict[str, str]]:
        found = []
        if self.encrypt is not None and (self.pdf_variant or "").startswith(("pdf/a", "pdf/x")):
            found.append(problem("/options/encrypt", f"{self.pdf_variant} forbids encryption"))
        if self.watermark is not None and self.pdf_variant is not None:
            found.append(
                problem("/options/watermark", f"a text drawn over the pages would break {self.pdf_variant}")
            )
        return found

    def _turned(self, sheet: Paper) -> Paper:
        return sheet.turned() if self.orientation == "landscape" else sheet

    def _margins(self) -> dict[str, str]:
        return self.margins.model_dump(exclude_none=True) if self.margins else {}


def problem(pointer: str, message: str) -> dict[str, str]:
    """Returns one of the errors of `InvalidInput`."""
    return {"pointer": pointer, "message": message}
