"""The kind `pdf.fill`: fills in the form of a PDF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from jobs.kinds.pdf.one_source import OneSourceKind
from jobs.kinds.pdf.values import Strict, pdf_name
from jobs.kinds.sources import PdfSource
from jobs.kinds.validation import problem
from jobs.render.protocol.limits import MAX_FIELD_CHARACTERS, MAX_FORM_FIELDS, MAX_SELECTED_OPTIONS
from jobs.render.protocol.messages import FillRequest

if TYPE_CHECKING:
    from jobs.render.parent.pool import RenderOutcome


def _field_value(value: Any) -> Any:
    """Gives one error instead of one for each type that the value could have had."""
    texts = value if isinstance(value, list) else [value]
    if value is not None and not isinstance(value, bool):
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("should be a text, true, false, a list of texts, or null")
        if len(texts) > MAX_SELECTED_OPTIONS:
            raise ValueError(f"should have at most {MAX_SELECTED_OPTIONS} texts")
        if any(len(text) > MAX_FIELD_CHARACTERS for text in texts):
            raise ValueError(f"should have at most {MAX_FIELD_CHARACTERS:,} characters")
    return value


FieldValue = Annotated[str | bool | list[str] | None, BeforeValidator(_field_value)]


class FillInput(PdfSource):
    """A PDF with a form, and values for its fields."""

    fields: Annotated[
        dict[Annotated[str, Field(max_length=1000)], FieldValue] | None,
        Field(
            max_length=MAX_FORM_FIELDS,
            description="Values by the full name of the field. A text field takes a text; a check box `true` or "
            "`false`; radio buttons and lists one of their values; a list for several values takes a "
            "list. `null` clears a field. Other fields keep their values.",
        ),
    ] = None


class FillOptions(Strict):
    """What to make of the form."""

    flatten: Annotated[
        bool | None, Field(description="Makes all fields part of the pages, so that nobody can change them.")
    ] = None
    filename: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="Name of the PDF. Default: that of the form."),
        AfterValidator(lambda name: name and pdf_name(name)),
    ] = None


class PdfFill(OneSourceKind):
    name = "pdf.fill"
    input = FillInput
    options = FillOptions

    def contradictions(self, source: FillInput, options: FillOptions | None) -> list[dict[str, str]]:
        if not source.fields and options is not None and not options.flatten:
            return [problem("/input/fields", "there is nothing to do: give fields, or flatten")]
        return []

    def request(self, pdf: bytes, spec: Mapping[str, Any]) -> FillRequest:
        return FillRequest(pdf=pdf, fields=spec["input"].get("fields", {}), options=spec["options"])

    def served_as(self, outcome: RenderOutcome, stem: str, options: Mapping[str, Any]) -> tuple[str, str]:
        return outcome.content_type, options.get("filename") or f"{stem}.pdf"


PDF_FILL = PdfFill()
