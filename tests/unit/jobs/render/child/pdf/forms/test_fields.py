from __future__ import annotations

import io

import pikepdf
import pytest
from pikepdf import Array, Name, String

from jobs.core.errors.job import FormInvalid
from jobs.render.child.pdf.forms.fields import FormField, decoded, name_bytes, name_of, read_fields
from testsupport import pdf_forms, pdfs
from testsupport.pdf_forms import FormMaker


def fields(content: bytes) -> dict[str, FormField]:
    with pikepdf.open(io.BytesIO(content)) as pdf:
        return read_fields(pdf)


def test_each_type_of_field_is_found_with_its_options() -> None:
    found = fields(pdf_forms.application())
    assert {name: field.type for name, field in found.items()} == {
        "name": "text",
        "notes": "text",
        "code": "text",
        "country": "choice",
        "colour": "choice",
        "days": "list",
        "agree": "check_box",
        "size": "radio",
        "send": "button",
        "signature": "signature",
        "address.street": "text",
    }
    assert found["country"].options == (("de", "Germany"), ("fr", "France"))
    assert found["size"].states == [b"small", b"large"]
    assert [option.value for option in found["size"].options] == ["small", "large"]
    assert (found["notes"].is_multiline, found["code"].is_comb, found["code"].max_length) == (True, True, 10)
    assert (found["colour"].is_editable, found["days"].takes_several) == (True, True)


def test_fields_of_one_name_are_one_field() -> None:
    form = FormMaker()
    form.text("name")
    form.text("name")
    found = fields(form.content())
    assert [len(field.widgets) for field in found.values()] == [2]


def test_a_button_has_the_values_that_its_options_name() -> None:
    form = FormMaker()
    form.radio("size", "0", "1", Opt=Array([String("Größe S"), String("Größe L")]), V=Name("/1"))
    size = fields(form.content())["size"]
    assert [option.value for option in size.options] == ["Größe S", "Größe L"]
    assert size.texts() == ["Größe L"]


def test_a_field_that_only_a_page_names_is_found() -> None:
    form = FormMaker()
    form.text("listed")
    form.text("forgotten")
    del form.form.Fields[1]
    assert list(fields(form.content())) == ["listed", "forgotten"]


def test_texts_that_are_no_unicode_are_read_as_far_as_possible() -> None:
    form = FormMaker()
    form.text("a", V=String(b"\xef\xbb\xbfgood \xff"))
    form.text("b", V=form.pdf.make_stream(b"\xfe\xff\x00l\x00o\x00n\x00g"))
    found = fields_with_values(form)
    assert found["a"][0].endswith("good �")
    assert found["b"] == ["long"]


def fields_with_values(form: FormMaker) -> dict[str, list[str]]:
    with pikepdf.open(io.BytesIO(form.content())) as pdf:
        return {name: field.texts() for name, field in read_fields(pdf).items()}


def test_cyclic_fields_end() -> None:
    assert fields(pdf_forms.cyclic_fields()) == {}


@pytest.mark.parametrize(
    ("content", "says"),
    [(pdf_forms.deep_fields(), "more than 50 deep"), (pdf_forms.many_fields(10_001), "more than 10,000")],
    ids=["deep", "many"],
)
def test_a_form_that_nobody_made_for_people_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(FormInvalid, match=says):
        fields(content)


def test_a_pdf_without_a_form_has_no_fields() -> None:
    assert fields(pdfs.pages("x")) == {}


@pytest.mark.parametrize("content", [b"Yes", b"Ja nein", b"M\xe4nnlich", "Männlich".encode(), b"(#/"])
def test_a_name_keeps_its_bytes(content: bytes) -> None:
    assert name_bytes(name_of(content)) == content


def test_a_name_in_an_old_encoding_is_readable() -> None:
    assert decoded(b"M\xe4nnlich") == decoded("Männlich".encode()) == "Männlich"
