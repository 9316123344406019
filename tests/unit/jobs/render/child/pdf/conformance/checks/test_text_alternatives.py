from __future__ import annotations

from typing import Any

from pikepdf import Name

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import text_alternatives
from testsupport.conforming import Change, all_with, cases, first, problems


def figure_without_text(pdf: Any) -> None:
    del first(pdf, S="Figure")[Name.Alt]


def formula_without_text(pdf: Any) -> None:
    first(pdf, S="P").S = Name.Formula


def silent_field(pdf: Any) -> None:
    for field in all_with(pdf, Subtype="Widget"):
        for key in ("/TU", "/Contents"):
            del field[key]


BROKEN: list[tuple[Check, Change]] = [
    (text_alternatives.figures, figure_without_text),
    (text_alternatives.formulas, formula_without_text),
    (text_alternatives.field_labels, silent_field),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in text_alternatives.CHECKS}
