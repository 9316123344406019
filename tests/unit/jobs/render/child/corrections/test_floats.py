"""Floating boxes in lines: where the text beside them begins."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator

import pypdfium2
import pytest

from jobs.render.child.html.engine import Engine
from tests.unit.jobs.render.child.corrections.rendering import rendered

PAGE = "@page { size: 300px 200px; margin: 0 } body { margin: 0; font: 16px/20px 'DejaVu Sans Mono' }"
CAP = "p::first-letter { float: left; font-size: 36px; line-height: 40px }"
TEXT = "Once upon a time there was a mill that had a wheel and no water. "


def boxes(engine: Engine, css: str, body: str) -> list[tuple[str, float, float, float]]:
    """Returns each character with its left and right edge, and its baseline from the bottom."""
    given = rendered(engine, f"<!doctype html><style>{PAGE}{css}</style>{body}")
    assert given.warnings == []
    return list(_characters(given.pdf))


def _characters(pdf: bytes) -> Iterator[tuple[str, float, float, float]]:
    text = pypdfium2.PdfDocument(io.BytesIO(pdf))[0].get_textpage()  # type: ignore[no-untyped-call]
    for index in range(text.count_chars()):
        left, bottom, right, _ = text.get_charbox(index, loose=True)
        character = text.get_text_range(index, 1)
        if not character.isspace():
            yield character, left, right, bottom


def overlaps(characters: list[tuple[str, float, float, float]]) -> list[str]:
    """Returns pairs of characters of the first line that lie above each other."""
    top = max(bottom for _, _, _, bottom in characters)
    line = sorted((left, right, each) for each, left, right, bottom in characters if top - bottom < 1)
    return [a[2] + b[2] for a, b in itertools.pairwise(line) if b[0] < a[1] - 1]


@pytest.mark.parametrize("css", [CAP, CAP + "p { text-align: justify }", CAP + "body { columns: 2 }"])
def test_a_drop_cap_stands_before_the_text(engine: Engine, css: str) -> None:
    (cap, _, edge, _), (second, left, _, _), *_ = boxes(engine, css, f"<p>{TEXT}")
    assert (cap, second) == ("O", "n")
    assert left >= edge - 1


def test_text_around_a_float_does_not_overlap(engine: Engine) -> None:
    css = "b { float: left; width: 50px; height: 20px }"
    assert overlaps(boxes(engine, css, f"<p>some <b></b><i>more</i> words {TEXT}")) == []


def test_text_before_a_float_at_the_right_stays(engine: Engine) -> None:
    css = "b { float: right; width: 50px; height: 20px }"
    with_float = boxes(engine, css, "<p>some <b></b>words")
    without = boxes(engine, "", "<p>some words")
    assert [each[1] for each in with_float] == pytest.approx([each[1] for each in without], abs=0.1)
