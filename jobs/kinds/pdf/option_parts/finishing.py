"""What is done to the finished PDF: encryption and watermark. Pure."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from jobs.kinds.pdf.values import Password, PdfVariant, Strict
from jobs.kinds.validation import problem


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


def contradictions(
    encrypt: Encryption | None, watermark: Watermark | None, pdf_variant: PdfVariant | None
) -> list[dict[str, str]]:
    """Returns an error for each contradiction."""
    found = []
    if encrypt is not None and (pdf_variant or "").startswith(("pdf/a", "pdf/x")):
        found.append(problem("/options/encrypt", f"{pdf_variant} forbids encryption"))
    if watermark is not None and pdf_variant is not None:
        found.append(problem("/options/watermark", f"a text drawn over the pages would break {pdf_variant}"))
    return found
