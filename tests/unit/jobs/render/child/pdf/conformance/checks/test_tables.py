from __future__ import annotations

from typing import Any

from pikepdf import Array, Dictionary, Name, String

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import tables
from testsupport.conforming import Change, all_with, cases, problems


def short_row(pdf: Any) -> None:
    row = all_with(pdf, S="TR")[-1]
    row.K = Array([row.K[0]])


def overlap(pdf: Any) -> None:
    all_with(pdf, S="TD")[1].A.RowSpan = 2
    all_with(pdf, S="TD")[2].A.ColSpan = 2


def long_span(pdf: Any) -> None:
    all_with(pdf, S="TD")[-1].A.RowSpan = 2


def unknown_header(pdf: Any) -> None:
    all_with(pdf, S="TD")[0].A.Headers = Array([String("odd")])


def no_scope(pdf: Any) -> None:
    for cell in (*all_with(pdf, S="TH"), *all_with(pdf, S="TD")):
        cell.A = Dictionary(O=Name.Table)


BROKEN: list[tuple[Check, Change]] = [
    (tables.regular_tables, short_row),
    (tables.regular_tables, overlap),
    (tables.regular_tables, long_span),
    (tables.table_headers, unknown_header),
    (tables.table_headers, no_scope),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in tables.CHECKS}


def test_a_table_without_headers_is_no_problem_of_headers() -> None:
    def no_headers(pdf: Any) -> None:
        no_scope(pdf)
        for cell in all_with(pdf, S="TH"):
            cell.S = Name.TD

    assert problems(tables.table_headers, "pdf/ua-1", no_headers) == []


def test_spans_fill_the_grid() -> None:
    def spans(pdf: Any) -> None:
        rows = all_with(pdf, S="TR")
        all_with(pdf, S="TD")[0].A.RowSpan = 2
        rows[-1].K = Array([rows[-1].K[1]])

    assert problems(tables.regular_tables, "pdf/ua-1", spans) == []
