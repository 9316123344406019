"""The option `shrink_to_fit`. The pages are A5 with margins of 20 mm."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pikepdf
import pytest

from jobs.render.child.html.engine import RenderedDocument
from tests.unit.jobs.render.child.html.losses.conftest import Render

PAGE = "<style>@page { size: A5; margin: 20mm } body { margin: 0 }</style>"
CELL = "<td style='min-width: 30mm; padding: 0; text-align: end'>cell"
TABLE = f"<table style='border-spacing: 0'><tr>{CELL * 5}</table>"
LONG_LINE = "0123456789" * 9
TEXT = f"<p>{'word ' * 90}</p>"


def codes(rendered: RenderedDocument) -> list[str]:
    return [warning["code"] for warning in rendered.warnings]


def font_sizes(rendered: RenderedDocument) -> Iterator[float]:
    """Yields the size of each text on the first page, in points."""
    scales = [1.0]
    pdf = pikepdf.open(BytesIO(rendered.pdf))
    for operands, operator in pikepdf.parse_content_stream(pdf.pages[0]):
        match str(operator):
            case "q":
                scales.append(scales[-1])
            case "Q":
                scales.pop()
            case "cm":
                scales[-1] *= abs(float(operands[0]))
            case "Tf":
                yield round(float(operands[1]) * scales[-1], 2)


@pytest.mark.parametrize("content", [TEXT, f"<pre>{LONG_LINE[:50]}</pre>", "<p style='overflow: hidden'>x"])
def test_the_bytes_are_the_same_if_nothing_is_cut_off(render: Render, content: str) -> None:
    assert render(PAGE + content, shrink_to_fit=True).pdf == render(PAGE + content).pdf


@pytest.mark.parametrize(
    "content",
    [
        TABLE,
        f"<pre style='font-size: 14px'>{LONG_LINE}</pre>",
        f"<pre style='overflow: auto; font-size: 12px; padding: 1em'>{LONG_LINE}</pre>",
        f"<div dir=rtl>{TABLE}</div>",
        "<div style='width: 160mm'>" + TEXT + "</div>",
    ],
)
def test_all_is_drawn_smaller_so_that_the_widest_content_fits(render: Render, content: str) -> None:
    assert codes(render(PAGE + TEXT + content)) == ["content_cut"]
    rendered = render(PAGE + TEXT + content, shrink_to_fit=True)
    assert codes(rendered) == []
    assert max(font_sizes(rendered)) < 12


def test_text_gets_as_small_as_needed_and_the_paper_keeps_its_size(render: Render) -> None:
    whole, shrunk = (render(PAGE + TABLE + TEXT, shrink_to_fit=shrinks) for shrinks in (False, True))
    assert set(font_sizes(whole)) == {12}
    assert set(font_sizes(shrunk)) == {round(12 * (148 - 40) / 150, 2)}, "the table fits between the margins"
    with pikepdf.open(BytesIO(whole.pdf)) as before, pikepdf.open(BytesIO(shrunk.pdf)) as after:
        assert [round(float(value), 2) for value in after.pages[0].mediabox] == [
            round(float(value), 2) for value in before.pages[0].mediabox
        ]


def test_the_option_zoom_works_as_before(render: Render) -> None:
    (size,) = set(font_sizes(render(PAGE + TABLE, shrink_to_fit=True, zoom=0.5)))
    assert size == round(12 * (148 - 40) / 150 / 2, 2)


def test_text_gets_no_smaller_than_half_and_the_rest_is_told(render: Render) -> None:
    rendered = render(PAGE + TABLE.replace("30mm", "200mm"), shrink_to_fit=True)
    assert set(font_sizes(rendered)) == {6}
    assert codes(rendered) == ["content_cut"]


@pytest.mark.parametrize(
    "hopeless",
    [
        "<div style='width: 160%; white-space: nowrap; text-align: right'>x",
        f"<pre style='overflow: auto; width: 40mm'>{LONG_LINE}</pre>",
    ],
)
def test_content_that_fits_at_no_scale_makes_nothing_smaller(render: Render, hopeless: str) -> None:
    alone = render(PAGE + hopeless, shrink_to_fit=True)
    assert codes(alone) == ["content_cut"]
    assert alone.pdf == render(PAGE + hopeless).pdf
    beside = render(PAGE + TABLE + hopeless, shrink_to_fit=True)
    assert codes(beside) == ["content_cut"]
    assert max(font_sizes(beside)) == round(12 * (148 - 40) / 150, 2)


def test_warnings_are_told_once(render: Render) -> None:
    document = f"{PAGE}{TABLE}<p style='colour: red'>x<img src=missing.png alt=x>"
    rendered = render(document, shrink_to_fit=True)
    assert codes(rendered) == ["relative_url", "css_ignored"]
    assert not any("count" in warning for warning in rendered.warnings)


def test_pages_of_every_kind_keep_their_margins(render: Render) -> None:
    css = """<style>@page { size: A5; margin: 20mm; @bottom-left { content: "x" } }
        @page wide { size: 200mm 100mm; margin: 5% } div { page: wide }</style>"""
    rendered = render(f"{css}{TABLE}<div>x</div>", shrink_to_fit=True)
    with pikepdf.open(BytesIO(rendered.pdf)) as pdf:
        sizes = [[round(float(length) / 72 * 25.4) for length in page.mediabox[2:]] for page in pdf.pages]
    assert sizes == [[148, 210], [200, 100]]
    assert codes(rendered) == []
