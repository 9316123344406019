"""Runs the checks that apply to the standards that a PDF claims to follow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pikepdf

from jobs.render.child.pdf.conformance.check import Check, Problem
from jobs.render.child.pdf.conformance.checks import (
    actions,
    color,
    embedded_files,
    file_structure,
    fonts,
    images,
    interactive,
    language,
    limits,
    metadata,
    tables,
    tags,
    text_alternatives,
    transparency,
)
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.variants import Variant

CHECKS: tuple[Check, ...] = (
    *file_structure.CHECKS,
    *limits.CHECKS,
    *color.CHECKS,
    *images.CHECKS,
    *transparency.CHECKS,
    *fonts.CHECKS,
    *interactive.CHECKS,
    *actions.CHECKS,
    *metadata.CHECKS,
    *embedded_files.CHECKS,
    *tags.CHECKS,
    *tables.CHECKS,
    *text_alternatives.CHECKS,
    *language.CHECKS,
)


@dataclass(frozen=True, slots=True)
class Broken:
    """A clause that the file breaks."""

    clause: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks say about one variant."""

    variant: Variant
    passed: Sequence[str]
    """The clauses that were checked and hold, as far as they were checked."""
    broken: Sequence[Broken]

    @property
    def failed(self) -> list[str]:
        """The clauses that do not hold."""
        return sorted({each.clause for each in self.broken}, key=_in_order)


def reports(
    pdf: bytes, variants: Sequence[Variant], *, password: str = "", elements: Sequence[str | None] = ()
) -> list[Report]:
    """Checks a PDF against each standard.

    `elements` names, for each structure element of the file in the order of the tree, the element
    of the document that it was made of.
    """
    if not variants:
        return []
    with pikepdf.open(io.BytesIO(pdf), password=password) as document:
        file = CheckedFile(pdf, document, elements)
        return [_report(file, variant) for variant in variants]


def _report(file: CheckedFile, variant: Variant) -> Report:
    broken: list[Broken] = []
    checked: set[str] = set()
    for check in CHECKS:
        if clause := check.clause(variant):
            checked.add(clause)
            broken += [Broken(clause, problem) for problem in _found(check, file, variant)]
    passed = checked - {each.clause for each in broken}
    return Report(variant, sorted(passed, key=_in_order), broken)


def _found(check: Check, file: CheckedFile, variant: Variant) -> list[Problem]:
    """Returns what the check finds. A file that it fails at does not pass."""
    try:
        return list(check.find(file, variant))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - of whatever a strange file has
        return [Problem(f"{check.name} could not be checked: {type(error).__name__}")]


def _in_order(clause: str) -> list[int]:
    return [int(part) for part in clause.split(".")]
