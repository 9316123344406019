from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.headers.disposition import content_disposition


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("invoice.pdf", 'inline; filename="invoice.pdf"'),
        ("my invoice.pdf", 'inline; filename="my invoice.pdf"'),
        ("Rechnung für Zoë.pdf", "inline; filename=\"Rechnung fur Zoe.pdf\"; filename*=UTF-8''"
         "Rechnung%20f%C3%BCr%20Zo%C3%AB.pdf"),
        ('a"b.pdf', "inline; filename=\"a_b.pdf\"; filename*=UTF-8''a%22b.pdf"),
        ("日本 2.pdf", "inline; filename=\"__ 2.pdf\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%202.pdf"),
        ("a／b＂c.pdf", "inline; filename=\"a_b_c.pdf\"; filename*=UTF-8''a%EF%BC%8Fb%EF%BC%82c.pdf"),
        ("../../etc/passwd", "inline; filename=\".._.._etc_passwd\"; filename*=UTF-8''.._.._etc_passwd"),
    ],
)  # fmt: skip
def test_every_client_gets_a_file_name(filename: str, header: str) -> None:
    assert content_disposition(filename, "application/pdf") == header


def test_types_that_browsers_might_run_are_downloads() -> None:
    assert content_disposition("a.html", "text/html; charset=utf-8").startswith("attachment;")


@given(st.text())
def test_no_file_name_breaks_the_header(filename: str) -> None:
    header = content_disposition(filename, "application/pdf")
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
