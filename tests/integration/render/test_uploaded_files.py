"""Files that were uploaded with a document, as a render child serves them to it."""

from __future__ import annotations

import io

import pikepdf
import pytest
from PIL import Image

from jobs.render.parent.pool import RenderOutcome, RenderPool, RenderRequest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(file, "png")
    return file.getvalue()


async def rendered(pool: RenderPool, html: str, files: dict[str, bytes]) -> RenderOutcome:
    request = RenderRequest(format="html", document=html, files=files)
    return await pool.render(request, tenant="acme", timeout_ms=20_000, report=lambda progress: None)


async def test_files_are_found_by_relative_name_and_only_by_their_own_document(pool: RenderPool) -> None:
    files = {
        "css/page.css": b"@import 'more.css'; @page { size: 5in 7in } p { background: url(../img/a%20b.png) }",
        "css/more.css": b"h1 { background: url('/img/a b.png') }",
        "img/a b.png": picture(),
    }
    html = "<link rel=stylesheet href=css/page.css><h1>x</h1><p>y<img src='img/a b.png' alt=z>"
    outcome = await rendered(pool, html, files)
    assert outcome.details["warnings"] == []
    assert outcome.self_contained
    pdf = pikepdf.open(io.BytesIO(outcome.body))
    assert [float(x) for x in pdf.pages[0].mediabox[2:]] == [360, 504]
    assert b"/Image" in outcome.body

    other = await rendered(pool, html, {"other.png": b""})
    assert [warning["code"] for warning in other.details["warnings"]] == [
        "stylesheet_unreachable",
        "image_unreachable",
    ]
    assert "No file named css/page.css came with the document." in other.details["warnings"][0]["message"]

    alone = await rendered(pool, html, {})
    assert {warning["code"] for warning in alone.details["warnings"]} == {"relative_url"}


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "https://files.invalid.example/x", "http://files.invalid/a"]
)
async def test_no_other_url_leads_to_a_file(pool: RenderPool, url: str) -> None:
    outcome = await rendered(pool, f"<img src='{url}'>", {"a": picture()})
    assert [warning["code"] for warning in outcome.details["warnings"]] == ["asset_forbidden"]
