"""The kind `pdf.text`: reads the text of a PDF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from jobs.kinds.pdf.one_source import OneSourceKind
from jobs.kinds.pdf.values import Pages, Strict
from jobs.render.protocol.messages import MediaType, TextRequest

if TYPE_CHECKING:
    from jobs.render.parent.pool import RenderOutcome

_TYPES: Mapping[str, MediaType] = {"text": "text/plain", "json": "application/json"}
_SERVED: Mapping[MediaType, tuple[str, str]] = {
    "text/plain": ("text/plain; charset=utf-8", "txt"),
    "application/json": ("application/json", "json"),
}
"""What the result is served as, and the extension of its file name."""


class TextOptions(Strict):
    """What to read, and in which form."""

    pages: Annotated[
        Pages | None,
        Field(description="Such as `1-3,5,8-`. Default: all."),
    ] = None
    format: Annotated[
        Literal["text", "json"] | None,
        Field(
            description="`text`: a form feed (U+000C) ends each page. `json`: the text of each page, and the "
            "fields of the form. Default: `text`."
        ),
    ] = None


class PdfText(OneSourceKind):
    name = "pdf.text"
    options = TextOptions

    def request(self, pdf: bytes, spec: Mapping[str, Any]) -> TextRequest:
        options = spec["options"]
        return TextRequest(pdf=pdf, options=options, produces=(_wanted(options),))

    def served_as(self, outcome: RenderOutcome, stem: str, options: Mapping[str, Any]) -> tuple[str, str]:
        content_type, extension = _SERVED[_wanted(options)]
        return content_type, f"{stem}.{extension}"


def _wanted(options: Mapping[str, Any]) -> MediaType:
    return _TYPES[options.get("format", "text")]


PDF_TEXT = PdfText()
