"""`pdf.preview`, from submission to result: through the API, a worker and its render children."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from redis.asyncio import Redis

from jobs.core.settings import Settings
from jobs.render.parent.pool import RenderPool
from testsupport import pdfs
from testsupport.in_process import Pressrun, running_pressrun

RED_AND_BLUE = """<style>@page { size: 400px 200px; margin: 0 } body { margin: 0 } div { height: 200px; width: 200px }
</style><div style="background: #ff0000"></div><div style="background: #0000ff; break-before: page"></div>"""
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def press(redis_url: str, redis: Redis, tmp_path: Path, pool: RenderPool) -> AsyncIterator[Pressrun]:
    async with running_pressrun(Settings(redis_url=redis_url, data_dir=tmp_path), pool) as press:
        yield press


@pytest_asyncio.fixture(loop_scope="module")
async def pdf(press: Pressrun) -> str:
    """A job whose PDF has two pages, the left half of one red and of the other blue."""
    job = await press.done("pdf.render", {"html": RED_AND_BLUE}, {"filename": "colours.pdf"})
    assert job["result"]["pages"] == 2
    return str(job["id"])


def picture(content: bytes, format: str = "PNG") -> Image.Image:
    image = Image.open(io.BytesIO(content))
    assert image.format == format
    return image.convert("RGB")


def assert_halves(image: Image.Image, left: tuple[int, int, int]) -> None:
    """Asserts that the left half has this colour and the right half is white, or nearly so."""
    width, height = image.size
    for x, expected in [(width // 4, left), (width * 3 // 4, WHITE)]:
        found: Any = image.getpixel((x, height // 2))
        assert all(abs(a - b) <= 8 for a, b in zip(found, expected, strict=True)), (x, found)


async def test_the_first_page_of_a_result_is_a_picture(press: Pressrun, pdf: str) -> None:
    job = await press.done("pdf.preview", {"job_id": pdf})
    assert job["result"]["content_type"] == "image/png"
    assert job["result"]["filename"] == "colours.png"
    assert job["result"]["pages"] == 1
    image = picture(await press.result(job))
    assert image.size == (800, 400)
    assert_halves(image, RED)
    served = await press.http.get(f"/v1/jobs/{job['id']}/result")
    assert served.headers["content-type"] == "image/png"
    assert served.headers["content-disposition"] == 'inline; filename="colours.png"'


@pytest.mark.parametrize(("size", "pixels"), [({"width": 123}, (123, 62)), ({"dpi": 96}, (400, 200))])
async def test_a_picture_has_the_width_or_the_resolution_asked_for(
    press: Pressrun, pdf: str, size: dict[str, int], pixels: tuple[int, int]
) -> None:
    job = await press.done("pdf.preview", {"job_id": pdf}, {"pages": "2", "format": "webp", **size})
    assert job["result"]["content_type"] == "image/webp"
    image = picture(await press.result(job), "WEBP")
    assert all(abs(a - b) <= 1 for a, b in zip(image.size, pixels, strict=True))
    assert_halves(image, BLUE)


async def test_several_pages_are_a_zip_with_the_same_bytes_each_time(press: Pressrun, pdf: str) -> None:
    first = await press.done("pdf.preview", {"job_id": pdf}, {"pages": "1-", "width": 80})
    second = await press.done("pdf.preview", {"job_id": pdf}, {"pages": [2, 1], "width": 80})
    content = await press.result(first)
    assert content == await press.result(second)
    assert (first["result"]["content_type"], first["result"]["filename"]) == (
        "application/zip",
        "colours.zip",
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["page-001.png", "page-002.png"]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert_halves(picture(archive.read("page-001.png")), RED)
        assert_halves(picture(archive.read("page-002.png")), BLUE)
    served = await press.http.get(f"/v1/jobs/{first['id']}/result")
    assert served.headers["content-disposition"] == 'attachment; filename="colours.zip"'


async def test_the_values_of_form_fields_are_drawn(press: Pressrun) -> None:
    html = (
        "<style>@page{size:100px;margin:0}body{margin:0}input{width:100px;height:100px;font:80px a}</style>"
    )
    job = await press.done("pdf.render", {"html": f"{html}<input value='MMM'>"}, {"forms": True})
    filled = picture(
        await press.result(await press.done("pdf.preview", {"job_id": job["id"]}, {"width": 100}))
    )
    assert min(filled.convert("L").tobytes()) < 100


@pytest.mark.parametrize(
    ("content", "options", "code", "says"),
    [
        (b"<html>no PDF at all", {}, "pdf_unreadable", "The file is an HTML document, not a PDF"),
        (b"%PDF-1.7\n%%EOF", {}, "pdf_unreadable", "The file is not a PDF"),
        (pdfs.truncated(), {}, "pdf_unreadable", "its end is missing"),
        (pdfs.encrypted("secret"), {}, "pdf_encrypted", "The file is encrypted"),
        (pdfs.cyclic_pages(), {}, "pdf_unreadable", "Failed to load page"),
        (pdfs.huge_page(), {"dpi": 72}, "result_too_large", "1000000 by 1000000 points"),
        (pdfs.endless_strip(), {"width": 100}, "result_too_large", "1 by 1000000 points"),
        (pdfs.pages("only"), {"pages": "2"}, "page_out_of_range", "there is no page 2: it has 1"),
        (pdfs.pages(*["x"] * 101), {"pages": "1-"}, "result_too_large", "at most 100"),
    ],
    ids=["html", "empty", "truncated", "encrypted", "cyclic-pages", "huge", "strip", "short", "many"],
)
async def test_a_pdf_that_cannot_be_drawn_fails_the_job_and_kills_no_child(
    press: Pressrun, content: bytes, options: dict[str, Any], code: str, says: str
) -> None:
    children = press.pool.children.keys()
    job = await press.done("pdf.preview", {"file": "a.pdf"}, options, ("a.pdf", content))
    assert (job["status"], job["error"]["code"]) == ("failed", code)
    assert says in job["error"]["message"]
    assert not job["error"]["retryable"]
    assert press.pool.children.keys() == children


async def test_strange_but_harmless_pdfs_are_drawn(press: Pressrun) -> None:
    for content, options in [
        (pdfs.huge_page(), {"width": 50}),
        (pdfs.cyclic_outline(), {}),
        (pdfs.encrypted(""), {}),
    ]:
        job = await press.done("pdf.preview", {"file": "a.pdf"}, options, ("a.pdf", content))
        assert picture(await press.result(job)).size[0] == options.get("width", 800)
