from __future__ import annotations

from typing import Any

from pikepdf import Array, Dictionary, Name, String

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import limits
from testsupport.conforming import Change, cases, problems


def long_text(pdf: Any) -> None:
    pdf.Root.Odd = String("x" * 70_000)


def long_name(pdf: Any) -> None:
    pdf.Root[Name.Odd] = Name("/" + "x" * 128)


def large_integer(pdf: Any) -> None:
    pdf.Root.Odd = 2**31


def deep_nesting(pdf: Any) -> None:
    pdf.pages[0].contents_add(b"q " * 29 + b"Q " * 29)


def small_page(pdf: Any) -> None:
    pdf.pages[0].obj.TrimBox = Array([0, 0, 2, 2])


def unknown_operator(pdf: Any) -> None:
    pdf.pages[0].contents_add(b"BX 1 odd EX")


BROKEN: list[tuple[Check, Change]] = [
    (limits.limits, long_text),
    (limits.limits, long_name),
    (limits.limits, large_integer),
    (limits.limits, deep_nesting),
    (limits.page_sizes, small_page),
    (limits.operators, unknown_operator),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in limits.CHECKS}


def test_the_narrower_limits_of_pdf_1_4_are_those_of_part_1() -> None:
    def far_away(pdf: Any) -> None:
        pdf.pages[0].contents_add(b"1 0 0 1 40000 0 cm")

    def long_array(pdf: Any) -> None:
        pdf.Root.Odd = Array([1] * 8192)

    def large_dictionary(pdf: Any) -> None:
        pdf.Root.Odd = Dictionary({f"/x{number}": 1 for number in range(4096)})

    for change in (far_away, long_array, large_dictionary):
        assert problems(limits.limits, "pdf/a-1a", change)
        assert problems(limits.limits, "pdf/a-2a", change) == []
