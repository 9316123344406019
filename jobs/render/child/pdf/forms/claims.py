"""Checks whether a filled PDF still follows the standards that it says it follows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pikepdf

from jobs.render.child.pdf.conformance.checking import reports
from jobs.render.child.pdf.conformance.variants import DOCUMENTS, Variant, variants_of
from jobs.render.child.pdf.merge_losses import standards
from jobs.render.protocol.warning_codes import WarningCode

_KNOWN = re.compile(r"pdf/(a-[123][abu]|a-4[ef]?|ua-[12])")


def claimed_variants(document: pikepdf.Pdf) -> list[Variant]:
    return [variant for name in _claims(document) for variant in variants_of(name)]


def _claims(document: pikepdf.Pdf) -> Iterator[str]:
    for standard in standards(document.Root):
        name = standard.lower()
        if _KNOWN.fullmatch(name):
            yield "pdf/a-4u" if name == "pdf/a-4" else name


def check_claims(pdf: bytes, variants: list[Variant], warn: Callable[[WarningCode, str], None]) -> None:
    """Warns of each clause of these standards that the PDF breaks."""
    for report in reports(pdf, variants):
        document = DOCUMENTS[report.variant.standard]
        for broken in report.broken:
            warn(
                "conformance_broken",
                f"This is no {report.variant.name} ({document}, {broken.clause}): {broken.problem.message}",
            )
