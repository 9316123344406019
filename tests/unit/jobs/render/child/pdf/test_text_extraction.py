from __future__ import annotations

import io
import json
from typing import Any

import pikepdf
import pytest

from jobs.core.errors.job import PageOutOfRange, PdfEncrypted, ResultTooLarge
from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody
from jobs.render.child.pdf.text_extraction import extract
from testsupport import pdf_forms, pdfs


class Reading:
    def __init__(self, pdf: bytes, **options: Any) -> None:
        self.warnings: dict[str, str] = {}
        self.extracted = extract(
            pdf, options, warn=self.warnings.__setitem__, advance=lambda done, wanted: None
        )
        self.text = self.extracted.body.decode()


def rendered(html: str) -> bytes:
    return Engine(ask_nobody).render("html", html.encode(), {}, lambda step: None).pdf


def test_each_page_ends_with_a_form_feed() -> None:
    reading = Reading(pdfs.pages("one", "two"))
    assert (reading.text, reading.extracted.pages) == ("one\ftwo\f", 2)
    assert reading.extracted.content_type == "text/plain"
    assert reading.warnings == {}


def test_pages_are_read_in_their_order() -> None:
    assert Reading(pdfs.pages("one", "two", "three"), pages="3,1").text == "one\fthree\f"
    with pytest.raises(PageOutOfRange):
        Reading(pdfs.pages("one"), pages="2")


def test_text_of_many_scripts_and_columns_is_read_line_by_line() -> None:
    lines = ("Größe “x” ﬁ", "中文 𠀀 日本語", "مرحبا بالعالم 123", "שלום עולם", "a\u00a0b")
    text = Reading(rendered("".join(f"<p>{line}</p>" for line in lines))).text
    assert text.splitlines()[1:4] == ["中文 𠀀 日本語", "مرحبا بالعالم 123", "שלום עולם"]
    assert "\r" not in text


def test_json_has_pages_and_the_fields_of_the_form() -> None:
    reading = Reading(pdf_forms.application(), format="json")
    found = json.loads(reading.text)
    assert reading.extracted.content_type == "application/json"
    assert found["page_count"] == 1
    assert [page["page"] for page in found["pages"]] == [1]
    fields = {field.pop("name"): field for field in found["fields"]}
    assert fields["code"] == {"type": "text", "value": None, "max_length": 10}
    assert fields["country"]["options"][0] == {"value": "de", "text": "Germany"}
    assert fields["days"]["value"] == []


def test_json_of_a_pdf_without_a_form_has_no_fields() -> None:
    found = json.loads(Reading(pdfs.pages("one"), format="json").text)
    assert found == {"page_count": 1, "pages": [{"page": 1, "text": "one"}], "fields": []}


def test_fields_of_a_form_with_permissions_are_read() -> None:
    reading = Reading(pdf_forms.restricted(modify_other=False), format="json")
    assert len(json.loads(reading.text)["fields"]) > 5
    assert reading.warnings == {}


def test_a_form_that_cannot_be_read_is_left_out_with_a_warning() -> None:
    reading = Reading(pdf_forms.deep_fields(), format="json")
    assert json.loads(reading.text)["fields"] == []
    assert list(reading.warnings) == ["form_unreadable"]


def test_pages_that_show_something_without_text_are_told_and_blank_ones_are_not() -> None:
    page = "<div style='break-before: page'>{}</div>"
    drawing = "<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9'/></svg>"
    reading = Reading(rendered(f"<p>text{page.format(drawing)}{page.format('')}"))
    assert reading.extracted.pages == 3
    assert list(reading.warnings) == ["text_missing"]
    assert reading.warnings["text_missing"].startswith("Page 2 has no text")


def test_permissions_are_respected() -> None:
    with pikepdf.open(io.BytesIO(pdfs.pages("secret"))) as pdf:
        for allowed in (True, False):
            permissions = pikepdf.Permissions(extract=allowed)
            content = pdfs.saved(pdf, encryption=pikepdf.Encryption(owner="o", user="", allow=permissions))
            if allowed:
                assert Reading(content).text == "secret\f"
            else:
                with pytest.raises(PdfEncrypted, match="forbids that its text is taken out"):
                    Reading(content)


def test_too_much_text_is_too_large() -> None:
    with pytest.raises(ResultTooLarge, match="more than 5 characters"):
        extract(
            pdfs.pages("one", "two"),
            {},
            warn=lambda code, message: None,
            advance=lambda done, wanted: None,
            max_characters=5,
        )
