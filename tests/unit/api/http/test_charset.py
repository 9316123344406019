from __future__ import annotations

import pytest

from api.http.charset import decode_document
from jobs.core.errors.request import MalformedBody, UnsupportedMediaType

TEXT = "<p>Zoë: 100 €</p>"


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (TEXT.encode(), None),
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), None),
        (b"\xff\xfe" + TEXT.encode("utf-16-le"), None),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "iso-8859-1"),  # the byte order mark wins
        (TEXT.encode("cp1252"), "windows-1252"),
        (TEXT.encode("cp1252"), "iso-8859-1"),  # as browsers read it
        (TEXT.encode("iso8859-15"), "ISO-8859-15"),
    ],
)
def test_decodes_by_the_charset_of_the_request(body: bytes, charset: str | None) -> None:
    assert decode_document(body, charset, is_html=True) == TEXT


@pytest.mark.parametrize(
    "meta",
    [
        '<meta charset="windows-1252">',
        "<META CHARSET=latin1>",
        '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">',
    ],
)
def test_html_may_name_its_own_encoding(meta: str) -> None:
    document = f"<!doctype html>{meta}{TEXT}"
    assert decode_document(document.encode("cp1252"), None, is_html=True) == document


def test_markdown_has_no_meta() -> None:
    with pytest.raises(MalformedBody):
        decode_document('<meta charset="latin1"> ë'.encode("latin-1"), None, is_html=False)


def test_a_meta_that_names_utf_16_means_utf_8() -> None:
    document = '<meta charset="utf-16">ë'
    assert decode_document(document.encode(), None, is_html=True) == document


def test_bytes_that_are_not_valid_in_the_charset_are_refused_with_their_place() -> None:
    with pytest.raises(MalformedBody, match="byte 3"):
        decode_document(b"<p>\xff", None, is_html=True)


@pytest.mark.parametrize(
    "charset", ["klingon", "rot13", "idna", "unicode_escape", "utf-7", "zip", "x" * 500, "\x00", "ü"]
)
def test_charsets_that_are_not_for_documents_are_refused(charset: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        decode_document(b"x", charset, is_html=True)
