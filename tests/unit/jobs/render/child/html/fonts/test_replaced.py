"""Which fonts are told to be replaced. The engine renders, with the fonts of this machine."""

from __future__ import annotations

import base64

import pytest

from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody
from jobs.render.child.html.fonts.replaced import warning
from testsupport.own_font import own_font

NOWHERE = "No Such Font"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


def replaced(engine: Engine, html: str) -> list[str]:
    rendered = engine.render("html", html.encode(), {}, lambda step: None)
    engine.tidy_up()
    return [found["message"] for found in rendered.warnings if found["code"] == "font_replaced"]


def in_font(family: str) -> str:
    return f"<style>p {{ font-family: {family} }}</style><p>x"


@pytest.mark.parametrize(
    "family",
    [
        "DejaVu Sans",
        "dejavu  sans",
        f"'{NOWHERE}', 'DejaVu Sans', serif",
        "Arial",  # Liberation Sans has its measures
        "sans-serif",
        f"system-ui, -apple-system, '{NOWHERE}', sans-serif",
    ],
)
def test_a_stack_with_an_installed_font_or_a_free_choice_is_no_warning(engine: Engine, family: str) -> None:
    assert replaced(engine, in_font(family)) == []


@pytest.mark.parametrize("family", [f"'{NOWHERE}'", f"'{NOWHERE}', monospace"])
def test_a_stack_without_any_installed_font_is_one_warning(engine: Engine, family: str) -> None:
    (message,) = replaced(engine, in_font(family) + "<p>y<p><b>z")
    assert message.startswith(f'The font "{NOWHERE}" is not installed on the server. "')


def test_the_answer_is_the_same_when_the_stack_comes_again(engine: Engine) -> None:
    assert replaced(engine, in_font(f"'{NOWHERE}'")) == replaced(engine, in_font(f"'{NOWHERE}'")) != []


def test_css_that_no_text_uses_is_no_warning(engine: Engine) -> None:
    assert replaced(engine, f"<style>b {{ font-family: '{NOWHERE}' }}</style><p>x") == []


def test_a_font_that_comes_with_the_document_is_there(engine: Engine) -> None:
    font = base64.b64encode(own_font(600, NOWHERE)).decode()
    face = f"@font-face {{ font-family: '{NOWHERE}'; src: url(data:font/ttf;base64,{font}) }}"
    assert replaced(engine, f"<style>{face}</style>" + in_font(f"'{NOWHERE}'")) == []


def test_the_message_names_all_fonts_and_what_is_used() -> None:
    assert warning(("Calibri", "Segoe UI", "sans-serif"), "Noto Sans") == (
        'None of the fonts "Calibri", "Segoe UI" is installed on the server. "Noto Sans" is used instead. '
        "Upload the font (PUT /v1/fonts/{name}), send a file along and name it by @font-face, or install it."
    )
