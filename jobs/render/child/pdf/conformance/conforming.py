"""What a render does for the standards that it was asked to follow: write, complete, check."""

from __future__ import annotations

import io
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

import pikepdf
import pydyf  # type: ignore[import-untyped]
import weasyprint

from jobs.render.child.pdf.conformance.checking import reports
from jobs.render.child.pdf.conformance.font_programs import cff_outlines
from jobs.render.child.pdf.conformance.identification import identify
from jobs.render.child.pdf.conformance.variants import DOCUMENTS, variants_of
from jobs.render.child.pdf.forms.filling import fill
from jobs.render.child.pdf.pages.drawings import LayOut
from jobs.render.child.pdf.tagging.tagging import Tagging
from jobs.render.protocol.warning_codes import WarningCode


class Warn(Protocol):
    def __call__(
        self,
        code: WarningCode,
        message: str,
        *,
        key: Hashable = None,
        element: str | None = None,
        page: int | None = None,
    ) -> None: ...


class Conforming:
    """The standards of one document. Without any, nothing here does anything."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.variants = variants_of(options.get("pdf_variant"))
        self._with_forms: bool = options.get("forms", False)
        self.draws_fields = self._with_forms and any(each.is_archive for each in self.variants)
        """Whether form fields are drawn here, and do nothing: PDF/A wants both."""
        self._password: str = options.get("encrypt", {}).get("user_password", "")

    def describe(self, document: weasyprint.Document, heading: Callable[[], str | None]) -> None:
        """Completes the metadata. PDF/UA asks for a title: without one, the first heading is it."""
        metadata = document.metadata
        if any(variant.is_accessible for variant in self.variants):
            metadata.title = metadata.title or heading()
        if any(variant.standard == "PDF/A-1" for variant in self.variants) and metadata.authors:
            # The list of authors in the XMP has to be the same text as in the information (6.7.3).
            metadata.authors = [", ".join(metadata.authors)]
        identify(metadata, self.variants)

    def complete(self, objects: pydyf.PDF) -> None:
        """Changes what PDF/A forbids: images that readers smooth, and in part 1 OpenType fonts."""
        is_archive = any(variant.is_archive for variant in self.variants)
        without_opentype = any(variant.standard == "PDF/A-1" for variant in self.variants)
        for item in objects.objects:
            kind = item.extra.get("Subtype") if isinstance(item, pydyf.Stream) else None
            if kind == "/Image" and is_archive:
                item.extra["Interpolate"] = "false"
            elif kind == "/OpenType" and without_opentype and (cff := cff_outlines(item.stream[0])):
                item.stream = [cff]
                item.extra["Subtype"] = "/CIDFontType0C"

    def draw_fields(self, pdf: bytes, lay_out: LayOut, warn: Callable[[WarningCode, str], None]) -> bytes:
        """Draws the values of form fields (ISO 19005-2, 6.3.3 and 6.4.1)."""
        if not self.draws_fields:
            return pdf
        with pikepdf.open(io.BytesIO(pdf)) as document:
            if "/AcroForm" not in document.Root:
                return pdf
        return fill(pdf, {}, {}, lay_out=lay_out, warn=warn, advance=lambda percent, stage: None).pdf

    def check(self, pdf: bytes, tagging: Tagging, warn: Warn) -> list[dict[str, Any]]:
        """Warns of each clause that the finished PDF breaks, and of what it lacks for PDF/UA.

        Returns, for each variant, the clauses that hold and those that do not.
        """
        if any(variant.is_accessible for variant in self.variants):
            for message, element in tagging.advice(with_forms=self._with_forms):
                warn("accessibility", message, element=element, key=(message, element))
        checked = []
        for report in reports(pdf, self.variants, password=self._password, elements=tagging.names()):
            variant = report.variant
            for broken in report.broken:
                problem = broken.problem
                warn(
                    "conformance_broken",
                    f"This is no {variant.name} ({DOCUMENTS[variant.standard]}, {broken.clause}): {problem.message}",
                    element=problem.element,
                    page=problem.page,
                    key=(variant, broken.clause, problem.message),
                )
            checked.append(
                {
                    "variant": variant.name,
                    "standard": DOCUMENTS[variant.standard],
                    "passed": list(report.passed),
                    "failed": report.failed,
                }
            )
        return checked
