from __future__ import annotations

import io
from typing import Any

import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Name
from PIL import Image

from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody
from jobs.render.child.pdf.finishing import finish
from jobs.render.protocol.page_ranges import BeyondLastPage
from testsupport import pdf_forms, pdfs

NUMBERS = {"text": "{page} of {pages}", "font_size": 8}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


class Finished:
    def __init__(self, engine: Engine, pdf: bytes, **options: Any) -> None:
        self.warnings: list[str] = []
        self.pdf = finish(pdf, options, engine.layout, lambda code, _: self.warnings.append(code))

    def texts(self) -> list[str]:
        with pypdfium2.PdfDocument(self.pdf) as document:  # type: ignore[no-untyped-call]
            return [page.get_textpage().get_text_range() for page in document]

    def ink(self, page: int = 0) -> tuple[int, int, int, int]:
        """The box around what is drawn darkly on a page, in points from the upper left."""
        with pypdfium2.PdfDocument(self.pdf) as document:  # type: ignore[no-untyped-call]
            picture: Image.Image = document[page].render(scale=1).to_pil().convert("L")
            box = picture.point(lambda level: 255 if level < 160 else 0).getbbox()
            assert box is not None
            return box


def blank(rotation: int = 0, crop: tuple[int, int, int, int] | None = None) -> bytes:
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(400, 300))
        page.obj.Rotate = rotation
        if crop:
            page.obj.CropBox = Array(crop)
        return pdfs.saved(pdf)


def sizes(pdf: bytes) -> list[tuple[float, float]]:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return [(round(float(page.mediabox[2])), round(float(page.mediabox[3]))) for page in document.pages]


# --- stamps -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({}, ["1 of 3", "2 of 3", "3 of 3"]),
        ({"pages": "2-"}, ["", "2 of 3", "3 of 3"]),
        ({"pages": "2-", "start": 1}, ["", "1 of 2", "2 of 2"]),
        ({"start": 10}, ["10 of 12", "11 of 12", "12 of 12"]),
        ({"pages": "3,1"}, ["1 of 3", "", "3 of 3"]),
    ],
)
def test_pages_are_numbered(engine: Engine, options: dict[str, Any], numbers: list[str]) -> None:
    finished = Finished(engine, pdfs.pages("x", "x", "x"), stamps=[{**NUMBERS, **options}])
    assert [text.replace("x", "").strip() for text in finished.texts()] == numbers


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (100, 50, 300, 250)])
@pytest.mark.parametrize("position", ["top-left", "bottom-right", "center"])
def test_a_stamp_is_upright_and_in_its_place_on_any_page(
    engine: Engine, rotation: int, crop: tuple[int, int, int, int] | None, position: str
) -> None:
    stamp = {"text": "Stamp", "position": position, "margin": "20pt", "font_size": 10}
    left, top, right, bottom = Finished(engine, blank(rotation, crop), stamps=[stamp]).ink()
    width, height = (200, 200) if crop else (400, 300)
    if rotation in (90, 270):
        width, height = height, width
    assert right - left > 2 * (bottom - top)
    middle = ((left + right) / 2, (top + bottom) / 2)
    expected = {"top-left": (33, 26), "bottom-right": (width - 33, height - 26)}
    wanted = expected.get(position, (width / 2, height / 2))
    assert middle == pytest.approx(wanted, abs=4)


def test_a_stamp_is_never_markup_and_wraps_between_the_margins(engine: Engine) -> None:
    stamp = {"text": "<b>&amp;{page}</b> " * 12, "margin": "1cm"}
    finished = Finished(engine, pdfs.pages("x"), stamps=[stamp])
    assert finished.texts()[0].count("<b>&amp;1</b>") == 12
    left, _, right, _ = finished.ink()
    assert 0 < left < right < 200


def test_a_stamp_without_the_number_is_one_drawing_for_all_pages(engine: Engine) -> None:
    finished = Finished(engine, pdfs.pages(*["x"] * 50), stamps=[{"text": "Copy"}])
    with pikepdf.open(io.BytesIO(finished.pdf)) as pdf:
        drawings = {page.obj.Resources.XObject.Drawing0.objgen for page in pdf.pages}
    assert len(drawings) == 1


def test_characters_that_no_font_has_are_told(engine: Engine) -> None:
    assert Finished(engine, pdfs.pages("x"), stamps=[{"text": "a\u0378"}]).warnings == ["glyph_missing"]


def test_pages_that_do_not_exist_are_refused(engine: Engine) -> None:
    with pytest.raises(BeyondLastPage):
        Finished(engine, pdfs.pages("x"), stamps=[{"text": "a", "pages": "2"}])


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_watermark_goes_up_on_any_page(engine: Engine, rotation: int) -> None:
    watermark = {"text": "I" * 30, "opacity": 1, "color": "#000000", "angle": 90}
    left, top, right, bottom = Finished(engine, blank(rotation), watermark=watermark).ink()
    assert bottom - top > 3 * (right - left)


def test_a_second_watermark_does_not_replace_the_first(engine: Engine) -> None:
    once = Finished(engine, pdfs.pages("x"), watermark={"text": "FIRST"}).pdf
    text = Finished(engine, once, watermark={"text": "SECOND"}).texts()[0]
    assert "FIRST" in text
    assert "SECOND" in text


# --- sheets -----------------------------------------------------------------------------------


def test_sheets_have_several_pages_and_the_bookmarks_lead_to_them(engine: Engine) -> None:
    pages = pdfs.pages("one", "two", "three", bookmarks=True)
    finished = Finished(engine, pages, imposition={"n_up": 2})
    assert [text.split() for text in finished.texts()] == [["one", "two"], ["three"]]
    assert finished.warnings == ["links_lost"]
    with pikepdf.open(io.BytesIO(finished.pdf)) as pdf:
        assert pdf.check_pdf_syntax() == []
        numbers = {page.obj.objgen: at for at, page in enumerate(pdf.pages)}
        bookmarks = [
            (item.title, numbers[found.page.objgen])
            for item in pdf.open_outline().root
            if (found := item.resolved_destination(pdf)) is not None
        ]
    assert bookmarks == [("one", 0), ("two", 0), ("three", 1)]


def test_a_booklet_has_two_pages_on_each_side(engine: Engine) -> None:
    finished = Finished(engine, pdfs.pages(*"abcdef"), imposition={"booklet": True, "sheet": [600, 842]})
    assert [text.split() for text in finished.texts()] == [["a"], ["b"], ["f", "c"], ["d", "e"]]
    assert sizes(finished.pdf) == [(600, 842)] * 4


def test_rotated_pages_stand_upright_on_sheets(engine: Engine) -> None:
    with pikepdf.open(io.BytesIO(blank(90))) as pdf:
        pdf.pages[0].Contents = pdf.make_stream(b"0 0 400 10 re f")  # left when it is shown
        content = pdfs.saved(pdf)
    left, top, right, bottom = Finished(engine, content, imposition={"n_up": 4}).ink()
    assert bottom - top > 5 * (right - left)
    assert (left, top) == (0, 0)


def test_form_fields_are_part_of_the_sheets(engine: Engine) -> None:
    form = pdf_forms.FormMaker()
    normal = form.drawing(b"0 0 10 10 re f")
    form.text("a", AP=pikepdf.Dictionary(N=normal))
    finished = Finished(engine, form.content(), imposition={"n_up": 2})
    assert finished.ink()
    with pikepdf.open(io.BytesIO(finished.pdf)) as pdf:
        assert Name.AcroForm not in pdf.Root
