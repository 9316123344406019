"""Form fields, as a PDF reader finds and draws them."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


def render(engine: Engine, form: str, **options: Any) -> bytes:
    html = (
        f"<html lang=en><title>t</title><style>@page {{ size: 200px; margin: 0 }}</style><form>{form}</form>"
    )
    try:
        return engine.render("html", html.encode(), {"forms": True, **options}, lambda step: None).pdf
    finally:
        engine.tidy_up()


def choices(engine: Engine, select: str) -> tuple[list[tuple[str, str]], Any]:
    """The options of the only field, as value and text, and what is chosen."""
    with pikepdf.open(BytesIO(render(engine, select))) as pdf:
        (field,) = pdf.Root.AcroForm.Fields
        options = [(str(value), str(text)) for value, text in field.Opt]
        chosen = [str(each) for each in field.V] if isinstance(field.V, pikepdf.Array) else str(field.V)
    return options, chosen


def test_an_option_without_a_value_has_its_text_as_value(engine: Engine) -> None:
    assert choices(engine, "<select><option>A<option selected> B\n c</select>") == (
        [("A", "A"), ("B c", "B c")],
        "B c",
    )
    assert choices(engine, "<select><option value=''>Choose<option value=2 selected>Two</select>") == (
        [("", "Choose"), ("2", "Two")],
        "2",
    )
    assert choices(engine, "<select><option label=L>text</select>")[0] == [("text", "L")]


def test_a_list_that_shows_one_option_has_the_first_that_can_be_chosen(engine: Engine) -> None:
    assert choices(engine, "<select><option disabled>A<option>B<option>C</select>")[1] == "B"
    assert choices(engine, "<select size=3><option>A<option>B</select>")[1] == ""
    assert choices(engine, "<select multiple><option>A<option>B</select>")[1] == []
    assert choices(engine, "<select multiple><option selected>A<option value=x selected>B</select>")[1] == [
        "A",
        "x",
    ]


def test_options_of_a_group_are_options_of_the_list(engine: Engine) -> None:
    select = "<select><optgroup label=G><option>a<option selected>b</optgroup><option>c</select>"
    assert choices(engine, select) == ([("a", "a"), ("b", "b"), ("c", "c")], "b")


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler draws the page")
@pytest.mark.parametrize("variant", [{}, {"tagged": True}])
def test_poppler_draws_checked_check_boxes_in_their_colour(
    engine: Engine, tmp_path: Path, variant: dict[str, Any]
) -> None:
    box = "<input type=checkbox name={} {} style='width: 60px; height: 60px; border: 0; color: red'>"
    shown = {}
    for checked in ("", "checked"):
        (tmp_path / "form.pdf").write_bytes(render(engine, box.format("a", checked), **variant))
        subprocess.run(["pdftoppm", "-singlefile", "-png", "form.pdf", "page"], cwd=tmp_path, check=True)
        pixels = Image.open(tmp_path / "page.png").convert("RGB").getcolors(10_000) or []
        shown[checked] = sum(count for count, color in pixels if color == (255, 0, 0))
    assert shown[""] == 0
    assert shown["checked"] > 50


@pytest.mark.parametrize(
    "control",
    ["<input name=a value=12>", "<select name=a><option>12</select>", "<textarea name=a>12</textarea>"],
)
def test_a_field_is_never_drawn_in_an_emoji_font(engine: Engine, control: str) -> None:
    style = 'font-family: system-ui, "Noto Color Emoji"'
    with pikepdf.open(BytesIO(render(engine, f"<div style='{style}'>{control}</div>"))) as pdf:
        fonts = {
            str(item.BaseFont)
            for item in pdf.objects
            if isinstance(item, pikepdf.Dictionary) and "/BaseFont" in item
        }
    assert fonts
    assert not any("Emoji" in font for font in fonts)


@pytest.mark.parametrize("options", [{}, {"tagged": True}])
def test_each_field_is_listed_once_and_written(engine: Engine, options: dict[str, Any]) -> None:
    form = (
        "<input name=t><input type=radio name=r value=1><input type=radio name=r value=2 checked>"
        "<input type=checkbox name=c checked><button>Send</button><input type=submit>"
    )
    pdf = render(engine, form, **options)
    with pikepdf.open(BytesIO(pdf)) as opened:
        assert opened.check_pdf_syntax() == []
        assert [str(field.T) for field in opened.Root.AcroForm.Fields] == ["t", "r", "c"]
        assert len(opened.pages[0].Annots) == 4
