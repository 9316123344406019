"""Which fonts are told to be unused, or to stand in for others, with the fonts of this machine."""

from __future__ import annotations

import base64

import pytest

from tests.unit.jobs.render.child.html.losses.conftest import Warned
from testsupport.own_font import own_font


def face(family: str) -> str:
    font = base64.b64encode(own_font(600, family)).decode()
    return f"<style>@font-face {{ font-family: '{family}'; src: url(data:font/ttf;base64,{font}) }}</style>"


def test_a_font_in_which_no_text_is_drawn_is_told(warned: Warned) -> None:
    (warning,) = warned(f"{face('Brand')}<p style='font-family: Brandt, sans-serif'>x", "font_unused")
    assert warning["message"] == 'No text is drawn in the font "Brand", which an @font-face loads.'


@pytest.mark.parametrize(
    "use",
    [
        "<p style='font-family: brand'>x",
        "<svg width=99 height=99><text y=20 font-family=Brand>x</text></svg>",
        "<style>@page { @top-left { content: 'x'; font-family: Brand } }</style>",
    ],
)
def test_a_font_of_any_text_is_used(warned: Warned, use: str) -> None:
    assert warned(f"<p>a{face('Brand')}{use}", "font_unused") == []


def test_a_font_that_cannot_be_used_has_a_warning_of_its_own(warned: Warned) -> None:
    css = "<style>@font-face { font-family: Brand; src: url(data:font/ttf,x) }</style>"
    assert [each["code"] for each in warned(f"{css}<p>x")] == ["font_unavailable"]


def test_no_document_is_told_the_fonts_of_the_one_before(warned: Warned) -> None:
    assert len(warned(f"{face('Brand')}<p>x", "font_unused")) == 1
    assert warned("<p>x", "font_unused") == []


def test_letters_that_no_font_of_the_document_has_are_told_once(warned: Warned) -> None:
    found = warned("<p style='font-family: \"DejaVu Sans\", sans-serif'>漢字 and 平仮 <b>漢", "font_fallback")
    (message,) = [each["message"] for each in found]
    assert message.startswith('Han letters, such as "')
    assert '", are drawn in "' in message
    assert message.endswith("no font that the font-family DejaVu Sans, sans-serif names has them.")


@pytest.mark.parametrize(
    "html",
    [
        "<p>漢字 שלום",
        "<p style='font-family: sans-serif'>漢字",
        "<p style='font-family: system-ui, \"DejaVu Sans\"'>漢字",
        "<p style='font-family: \"DejaVu Sans\"'>Grüße Ελλάδα Привет “…” → ✓ € ½",
        "<p style='font-family: Arial'>Grüße Привет",
        "<p style='font-family: \"No Such Font\", serif'>Grüße",
        "<p style='font-family: \"Liberation Sans\"'>→ ✓ 😀 ∑",
        "<p style='font-family: \"DejaVu Sans\"'>x<p style='font-family: serif'>漢字",
    ],
)
def test_letters_of_a_named_font_or_with_a_free_choice_and_symbols_are_not(warned: Warned, html: str) -> None:
    assert warned(html, "font_fallback") == []
