"""The option `optimize`, looked at in the PDF."""

from __future__ import annotations

import base64
import io
import random
from typing import Any

import pikepdf
import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageStat

from jobs.render.child.html.engine import Engine, RenderedDocument
from jobs.render.child.html.fetcher import ask_nobody

WIDTH, HEIGHT = 1000, 750


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


def photograph(mode: str = "RGB") -> Image.Image:
    """A picture with soft shades and some noise, which PNG compresses badly."""
    shades = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    noise = Image.frombytes("L", (WIDTH, HEIGHT), random.Random(7).randbytes(WIDTH * HEIGHT))
    channels = [ImageChops.blend(shades.rotate(angle), noise, 0.06) for angle in (0, 90, 180)]
    picture = Image.merge("RGB", channels)
    if mode == "RGBA":
        picture.putalpha(Image.radial_gradient("L").resize((WIDTH, HEIGHT)))
        return picture
    return picture.convert(mode)


def document(picture: Image.Image, format: str = "PNG") -> str:
    written = io.BytesIO()
    picture.save(written, format=format, quality=95)
    data = base64.b64encode(written.getvalue()).decode()
    return (
        "<style>@page { size: A6 landscape; margin: 0 } body { margin: 0; background: teal }</style>"
        f"<img style='width: 100%' src='data:image/{format.lower()};base64,{data}'>"
    )


def render(engine: Engine, html: str, **options: Any) -> RenderedDocument:
    try:
        return engine.render("html", html.encode(), options, lambda step: None)
    finally:
        engine.tidy_up()


def optimized(engine: Engine, html: str, target_bytes: int, **options: Any) -> RenderedDocument:
    return render(engine, html, optimize={"target_bytes": target_bytes}, **options)


def shown(pdf: bytes) -> Image.Image:
    page = pypdfium2.PdfDocument(pdf)[0]  # type: ignore[no-untyped-call]
    picture: Image.Image = page.render(scale=1).to_pil().convert("RGB")
    return picture


def difference(one: bytes, other: bytes) -> float:
    """The mean difference of the pixels, of 255."""
    return max(ImageStat.Stat(ImageChops.difference(shown(one), shown(other))).mean)


@pytest.mark.parametrize(
    ("mode", "format"), [("RGB", "PNG"), ("L", "PNG"), ("RGBA", "PNG"), ("RGB", "JPEG"), ("L", "JPEG")]
)
def test_images_are_reduced_until_the_pdf_is_small_enough(engine: Engine, mode: str, format: str) -> None:
    html = document(photograph(mode), format)
    large = render(engine, html)
    target = len(large.pdf) // 3
    small = optimized(engine, html, target)
    assert len(small.pdf) <= target
    assert difference(small.pdf, large.pdf) < 6
    assert small.warnings == large.warnings


def test_images_lose_no_more_than_is_needed(engine: Engine) -> None:
    html = document(photograph())
    sizes = [len(optimized(engine, html, target).pdf) for target in (300_000, 60_000)]
    assert sizes[0] > 1.5 * sizes[1]


def test_a_pdf_that_is_small_enough_stays_as_it_is(engine: Engine) -> None:
    html = document(photograph(), "JPEG")
    large = render(engine, html)
    assert optimized(engine, html, len(large.pdf)).pdf == large.pdf


def test_a_size_that_cannot_be_reached_is_told(engine: Engine) -> None:
    noise = random.Random(7).randbytes(50_000)
    attachment = {"name": "noise.bin", "data": base64.b64encode(noise).decode()}
    small = optimized(engine, document(photograph()), 20_000, attachments=[attachment])
    assert 50_000 < len(small.pdf) < 150_000
    (warning,) = [each for each in small.warnings if each["code"] == "target_missed"]
    assert warning["message"].startswith(f"The PDF has {len(small.pdf):,} bytes, and target_bytes is 20,000.")


def test_colours_that_jpeg_could_change_are_kept(engine: Engine) -> None:
    html = document(photograph("CMYK"), "JPEG")
    images = [
        [
            bytes(each.read_raw_bytes())
            for each in pikepdf.open(io.BytesIO(rendered.pdf)).objects
            if is_image(each)
        ]
        for rendered in (render(engine, html), optimized(engine, html, 20_000))
    ]
    assert images[0] == images[1]


def is_image(each: Any) -> bool:
    return isinstance(each, pikepdf.Stream) and each.get("/Subtype") == "/Image"


@pytest.mark.parametrize(
    "options",
    [
        {"pdf_variant": "pdf/a-3a"},
        {"pdf_variant": "pdf/ua-1"},
        {"encrypt": {"user_password": "x"}},
        {"watermark": {"text": "DRAFT"}, "linearize": True},
        {"image_dpi": 300, "image_quality": 90},
    ],
)
def test_the_rest_of_the_pdf_stays(engine: Engine, options: dict[str, Any]) -> None:
    html = f"<html lang=en><title>T</title><h1 id=a>Head</h1><a href='#a'>a</a>{document(photograph())}"
    password = options.get("encrypt", {}).get("user_password", "")
    large, small = render(engine, html, **options), optimized(engine, html, 80_000, **options)
    assert len(small.pdf) <= 80_000 < len(large.pdf)
    found = []
    for rendered in (large, small):
        with pikepdf.open(io.BytesIO(rendered.pdf), password=password) as pdf:
            found.append(
                (sorted(pdf.Root.keys()), str(pdf.docinfo.get("/Title")), len(pdf.pages), pdf.pdf_version)
            )
            assert "/Linearized" in str(rendered.pdf[:1024]) or "linearize" not in options
    assert found[0] == found[1]


def test_the_same_document_has_the_same_bytes(engine: Engine) -> None:
    html = document(photograph())
    assert optimized(engine, html, 80_000).pdf == optimized(engine, html, 80_000).pdf
