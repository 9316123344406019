"""Files inside the PDF, one of which may be an electronic invoice. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from jobs.kinds.pdf import invoice_xml
from jobs.kinds.pdf.invoice_xml import NoInvoice
from jobs.kinds.pdf.values import PdfVariant, ShortText, Strict, base64_text, file_name, standards_of
from jobs.kinds.validation import problem
from jobs.render.child.pdf.invoice_profiles import (
    FILE_NAMES,
    RELATIONSHIPS,
    FileName,
    Profile,
    Relationship,
)

_WITHOUT_ATTACHMENTS = frozenset(
    {"pdf/a-1a", "pdf/a-1b", "pdf/a-2a", "pdf/a-2b", "pdf/a-2u", "pdf/a-4", "pdf/a-4u", "pdf/x-1a", "pdf/x-3"}
)
_INVOICE_VARIANTS = frozenset({"pdf/a-3a", "pdf/a-3b", "pdf/a-3u"})


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


def attachment_contradictions(
    attachments: Sequence[Attachment], pdf_variant: PdfVariant | None, files: Mapping[str, bytes]
) -> list[dict[str, str]]:
    """Returns an error for each contradiction; `files` are the uploaded files by name."""
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
    if names and not _WITHOUT_ATTACHMENTS.isdisjoint(standards_of(pdf_variant)):
        found.append(problem("/options/attachments", f"{pdf_variant} allows no such attachments"))
    return found


def invoice_contradictions(
    invoice: Invoice,
    attachments: Sequence[Attachment],
    pdf_variant: PdfVariant | None,
    files: Mapping[str, bytes],
) -> list[dict[str, str]]:
    """Returns an error for each contradiction; `files` are the uploaded files by name."""
    found = []
    if _INVOICE_VARIANTS.isdisjoint(standards_of(pdf_variant)):
        found.append(problem("/options/invoice", "an electronic invoice is PDF/A-3: set pdf_variant"))
    invoices = [each for each in enumerate(attachments) if each[1].name == invoice.file]
    if not invoices:
        found.append(problem("/options/invoice/file", f"there is no attachment named {invoice.file}"))
    for at, attachment in invoices:
        allowed = RELATIONSHIPS[invoice.profile]
        if attachment.relationship not in (None, *allowed):
            message = f"an invoice of the profile {invoice.profile} is {' or '.join(allowed)}: leave it out"
            found.append(problem(f"/options/attachments/{at}/relationship", message))
        content = attachment.content(files)
        if content is not None:
            try:
                invoice_xml.check(content, invoice.profile)
            except NoInvoice as error:
                message = f"{invoice.file} is no invoice of the profile {invoice.profile}: it {error}"
                found.append(problem(f"/options/attachments/{at}", message))
    return found
