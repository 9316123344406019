from __future__ import annotations

from typing import Any

import pytest
from pikepdf import Array, Dictionary, Name, String

from jobs.render.child.pdf.forms.fields import read_fields
from jobs.render.child.pdf.forms.widgets import Look, css_color, look
from testsupport.pdf_forms import FormMaker


def look_of(**members: Any) -> Look | None:
    form = FormMaker()
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name("/ABCDEF+Noto-Serif-BoldItalic"))
    form.form.DR.Font.F7 = font
    form.text("a", **members)
    field = read_fields(form.pdf)["a"]
    return look(field, field.widgets[0], form.form)


def test_a_widget_has_the_font_of_its_default_appearance() -> None:
    found = look_of(DA=String("0.5 0 0 rg /F7 11.5 Tf"), Q=2)
    assert found is not None
    assert (found.alignment, found.font.size, found.font.color) == ("right", 11.5, "#800000")
    assert (found.font.bold, found.font.italic) == (True, True)
    assert found.font.family.startswith("'Noto Serif', Times")


@pytest.mark.parametrize(
    "default", ["", "Tf", "0 Tf", "/Helv x Tf", "/Helv 1e9 Tf", "/Helv -5 Tf", "rg rg", "nan nan nan rg"]
)
def test_a_strange_default_appearance_is_a_usual_font(default: str) -> None:
    found = look_of(DA=String(default))
    assert found is not None
    assert found.font.size == 0
    assert found.font.color == "#000000"


def test_a_name_of_a_font_cannot_become_css() -> None:
    found = look_of(DA=String("/x';color:red 10 Tf"))
    assert found is not None
    assert found.font.family.startswith("'xcolorred', ")


@pytest.mark.parametrize(
    "rectangle", [[0, 0, 0, 10], [0, 0, 10, 1e7], [0, 0, 10], ["a", 0, 1, 1], Dictionary(), [0] * 5000]
)
def test_a_widget_without_a_usable_rectangle_has_no_look(rectangle: Any) -> None:
    assert look_of(Rect=rectangle if isinstance(rectangle, Dictionary) else _array(rectangle)) is None


def _array(values: list[Any]) -> Array:
    return Array([String(value) if isinstance(value, str) else value for value in values])


@pytest.mark.parametrize(
    ("parts", "color"),
    [
        ([], None),
        ([0.5], "#808080"),
        ([1, 0, 0], "#ff0000"),
        ([0, 1, 1, 0], "#ff0000"),
        ([9, -1, 0], "#ff0000"),
    ],
)
def test_colours_are_those_of_css(parts: list[float], color: str | None) -> None:
    assert css_color(parts) == color
