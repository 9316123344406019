from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.kinds.pdf.values import pdf_name
from jobs.kinds.titles import clean_title, file_name


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Invoice 17", "Invoice 17"),
        ("\n  Invoice\t 17\r\n", "Invoice 17"),
        ("a\x1b[31mred\x00", "a [31mred"),
        ("gnp.\u202efdp", "gnp.fdp"),
        ("\ud800x\ufeff", "x"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("x" * 500, "x" * 200),
        (" \u200b ", None),
        ("", None),
        (None, None),
    ],
)
def test_a_title_is_one_line_that_shows_what_it_is(text: str | None, title: str | None) -> None:
    assert clean_title(text) == title


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Quarterly report", "Quarterly report.pdf"),
        ("Rechnung für Zoë", "Rechnung für Zoë.pdf"),
        ("Invoice 17/2026", "Invoice 17-2026.pdf"),
        ("Report: the year", "Report - the year.pdf"),
        ('a "b" <c> 12:30?', "a -b- -c- 12-30.pdf"),
        ("../../etc/passwd", "etc-passwd.pdf"),
        ("report.PDF", "report.pdf"),
        ("report.docx", "report.docx.pdf"),
        ("COM1", "document.pdf"),
        ("nul.txt", "document.pdf"),
        ("...", "document.pdf"),
        ("???", "document.pdf"),
        (None, "document.pdf"),
        ("日" * 100, "日" * 66 + ".pdf"),
    ],
)
def test_a_file_name_is_one_that_every_system_takes(title: str | None, name: str) -> None:
    assert file_name(title, "document.pdf") == name


@given(st.text())
def test_the_name_of_any_title_is_one_that_callers_may_give(text: str) -> None:
    name = file_name(clean_title(text), "document.pdf")
    assert pdf_name(name) == name
    assert len(name.encode()) <= 255
