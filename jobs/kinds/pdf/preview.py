"""The kind `pdf.preview`: draws pages of a PDF as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from jobs.kinds.pdf.one_source import OneSourceKind
from jobs.kinds.pdf.values import Strict
from jobs.render.protocol import page_ranges
from jobs.render.protocol.limits import (
    DEFAULT_PREVIEW_WIDTH,
    MAX_PREVIEW_DPI,
    MAX_PREVIEW_PAGES,
    MAX_PREVIEW_WIDTH,
)
from jobs.render.protocol.messages import MediaType, PreviewRequest

if TYPE_CHECKING:
    from jobs.render.parent.pool import RenderOutcome

_PICTURES: Mapping[str, MediaType] = {"png": "image/png", "webp": "image/webp"}


def _as_text(pages: Any) -> Any:
    """Turns a list of pages into the text that means the same; returns anything else as it is."""
    if isinstance(pages, list) and pages and all(type(page) is int for page in pages):
        return ",".join(str(page) for page in pages)
    return pages


def _checked(pages: str) -> str:
    count = page_ranges.count(pages)
    if count is not None and count > MAX_PREVIEW_PAGES:
        raise ValueError(f"these are {count} pages, and one job draws at most {MAX_PREVIEW_PAGES}")
    return page_ranges.canonical(pages)


class PreviewOptions(Strict):
    """What to draw, and how large."""

    pages: Annotated[
        Annotated[str, Field(min_length=1, max_length=page_ranges.MAX_CHARACTERS), AfterValidator(_checked)]
        | None,
        Field(description="Such as `1-3,5,8-`, or a list of pages. Default: the first page."),
        BeforeValidator(_as_text, json_schema_input_type=str | list[int] | None),
    ] = None
    format: Annotated[
        Literal["png", "webp"] | None, Field(description="Format of the pictures. Default: `png`.")
    ] = None
    width: Annotated[
        int | None,
        Field(ge=1, le=MAX_PREVIEW_WIDTH, description=f"In pixels. Default: {DEFAULT_PREVIEW_WIDTH}."),
    ] = None
    dpi: Annotated[int | None, Field(ge=1, le=MAX_PREVIEW_DPI, description="Instead of a width.")] = None

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.width is not None and self.dpi is not None:
            raise ValueError("give either width or dpi")
        return self


class PdfPreview(OneSourceKind):
    name = "pdf.preview"
    options = PreviewOptions

    def request(self, pdf: bytes, spec: Mapping[str, Any]) -> PreviewRequest:
        options = spec["options"]
        picture = _PICTURES[options.get("format", "png")]
        return PreviewRequest(pdf=pdf, options=options, produces=(picture, "application/zip"))

    def served_as(self, outcome: RenderOutcome, stem: str, options: Mapping[str, Any]) -> tuple[str, str]:
        return outcome.content_type, f"{stem}.{outcome.content_type.rpartition('/')[2]}"


PDF_PREVIEW = PdfPreview()
