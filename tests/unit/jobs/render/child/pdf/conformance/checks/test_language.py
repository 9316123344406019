from __future__ import annotations

from typing import Any

from pikepdf import Name, String

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import language
from testsupport.conforming import Change, cases, problems


def no_language_tag(pdf: Any) -> None:
    pdf.Root.Lang = String("English (US)")


def no_language(pdf: Any) -> None:
    del pdf.Root[Name.Lang]


def empty_language(pdf: Any) -> None:
    pdf.Root.Lang = String("")


BROKEN: list[tuple[Check, Change]] = [
    (language.language_tags, no_language_tag),
    (language.language, no_language),
    (language.language, empty_language),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in language.CHECKS}


def test_a_language_tag_with_digits_is_found_in_part_1() -> None:
    def digits(pdf: Any) -> None:
        pdf.Root.Lang = String("es-419")

    assert problems(language.language_tags, "pdf/a-1a", digits)
    assert problems(language.language_tags, "pdf/ua-1", digits) == []
