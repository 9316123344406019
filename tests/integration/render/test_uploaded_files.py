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


async def rendered(
    pool: RenderPool, html: str, files: dict[str, bytes], index: str | None = None
) -> RenderOutcome:
    request = RenderRequest(format="html", document=html, files=files, index=index)
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


async def test_a_document_in_a_folder_finds_files_above_and_beside_it_but_none_above_the_root(
    pool: RenderPool,
) -> None:
    files = {
        "css/page.css": b"@import 'more.css'; p { background: url(../ref/a%20b/p.png) }",
        "css/more.css": b"@page { size: 5in 7in }",
        "ref/a b/p.png": picture(),
        "top.png": picture(),
    }
    html = (
        "<link rel=stylesheet href=../../css/page.css><p>x<img src=p.png alt=a><img src=/top.png alt=b>"
        "<img src=../../../../../top.png alt=c>"
    )
    outcome = await rendered(pool, html, files, "ref/a b/p.html")
    assert outcome.details["warnings"] == []
    assert outcome.self_contained
    pdf = pikepdf.open(io.BytesIO(outcome.body))
    assert [float(x) for x in pdf.pages[0].mediabox[2:]] == [360, 504]

    escaping = (
        "<img src=..%2f..%2f..%2ftop.png alt=x><img src=q.png alt=x><img src=%2e%2e/%2e%2e/css/q.png alt=x>"
    )
    outcome = await rendered(pool, escaping, files, "ref/a b/p.html")
    assert [warning["message"] for warning in outcome.details["warnings"]] == [
        "No file named ref/a b/../../../top.png came with the document.",
        "No file named ref/a b/q.png came with the document.",
        "No file named ref/a b/../../css/q.png came with the document.",
    ]


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "https://files.invalid.example/x", "http://files.invalid/a"]
)
async def test_no_other_url_leads_to_a_file(pool: RenderPool, url: str) -> None:
    outcome = await rendered(pool, f"<p>x<img src='{url}'>", {"a": picture()})
    assert [warning["code"] for warning in outcome.details["warnings"]] == ["asset_forbidden"]
