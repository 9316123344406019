from __future__ import annotations

import io

import pikepdf
import pytest
from pikepdf import Name

from jobs.core.errors.job import FormInvalid
from jobs.render.child.pdf.forms.fields import FormField, read_fields
from jobs.render.child.pdf.forms.values import FieldValue, Selection, State, Text, Wanted, checked
from testsupport import pdf_forms
from testsupport.pdf_forms import FormMaker


def fields(content: bytes) -> dict[str, FormField]:
    with pikepdf.open(io.BytesIO(content)) as pdf:
        return read_fields(pdf)


APPLICATION = fields(pdf_forms.application())


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("name", "Ada", Text("Ada")),
        ("name", None, Text("")),
        ("notes", "a\r\nb", Text("a\nb")),
        ("agree", True, State(b"Yes")),
        ("agree", "Yes", State(b"Yes")),
        ("agree", False, State(None)),
        ("size", "large", State(b"large")),
        ("size", None, State(None)),
        ("country", "fr", Selection((1,))),
        ("country", "France", Selection((1,))),
        ("country", None, Selection()),
        ("colour", "blue", Selection(own_text="blue")),
        ("days", ["day 7", "day 3"], Selection((3, 7))),
        ("days", "day 3", Selection((3,))),
        ("days", [], Selection()),
        ("address.street", "x", Text("x")),
    ],
)
def test_a_value_that_fits_is_taken(name: str, value: FieldValue, wanted: Wanted) -> None:
    assert checked(APPLICATION, {name: value}) == {name: wanted}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("nme", "Ada", "There is no field 'nme'"),
        ("address", "x", "There is no field 'address'"),
        ("name", True, "takes a text"),
        ("name", ["a"], "takes a text"),
        ("name", "a\nb", "takes one line"),
        ("name", "a\x07", r"control character U\+0007"),
        ("code", "12345678901", "takes at most 10 characters, and these are 11"),
        ("agree", "No", "does not have 'No': it takes true or false"),
        ("agree", ["Yes"], "takes true or false"),
        ("size", True, "takes 'small', 'large'"),
        ("size", "medium", "does not have 'medium': it takes 'small', 'large'"),
        ("country", "it", "does not have 'it': it takes 'de', 'fr'"),
        ("country", ["de", "fr"], "takes one value"),
        ("country", True, "takes 'de', 'fr'"),
        ("colour", "a\nb", "takes one line"),
        ("days", ["day 1", "day x"], "does not have 'day x'"),
        ("send", True, "is a button, which cannot be filled in"),
        ("signature", "Ada", "is a signature, which cannot be filled in"),
    ],
)
def test_a_value_that_is_impossible_is_refused_with_the_fields(
    name: str, value: FieldValue, says: str
) -> None:
    with pytest.raises(FormInvalid, match=says) as caught:
        checked(APPLICATION, {name: value})
    assert "The fields are: name (text); notes (text); code (text of at most 10 characters)" in str(
        caught.value
    )
    assert "agree (check box: true or false); size (radio buttons: 'small', 'large')" in str(caught.value)


def test_a_field_for_a_password_is_refused() -> None:
    form = FormMaker()
    form.text("secret", Ff=pdf_forms.PASSWORD)
    with pytest.raises(FormInvalid, match="is for a password"):
        checked(fields(form.content()), {"secret": "x"})


def test_check_boxes_of_one_name_take_the_value_of_one_of_them() -> None:
    form = FormMaker()
    form.check_box("colour", "red")
    form.check_box("colour", "blue")
    found = fields(form.content())
    assert checked(found, {"colour": "blue"}) == {"colour": State(b"blue")}
    with pytest.raises(FormInvalid, match="takes 'red', 'blue'"):
        checked(found, {"colour": True})


def test_the_message_shows_no_control_characters() -> None:
    form = FormMaker()
    form.text("line\nbreak")
    with pytest.raises(FormInvalid, match="The fields are: line�break"):
        checked(fields(form.content()), {"x": "y"})


def test_the_message_has_no_more_than_fits() -> None:
    form = FormMaker()
    for number in range(300):
        form.add(f"field {number} " + "x" * 100, Name.Tx)
    unknown: dict[str, FieldValue] = {f"unknown {number}": "x" for number in range(100)}
    with pytest.raises(FormInvalid) as caught:
        checked(fields(form.content()), unknown)
    assert len(str(caught.value)) < 4000
    assert "90 more fields are wrong" in str(caught.value)
    assert "; and 2" in str(caught.value)
