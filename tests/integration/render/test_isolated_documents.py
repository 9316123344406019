"""Isolation changes nothing in a result: the same bytes as without, for all kinds of documents."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import pytest_asyncio
from PIL import Image

from jobs.core.settings import IsolationMode
from jobs.isolation.level import offered
from jobs.kinds.pdf.render import PDF_RENDER
from jobs.render.parent.pool import RenderPool, RenderRequest
from jobs.render.protocol.limits import FetchLimits, RenderLimits
from jobs.render.protocol.messages import (
    FillRequest,
    MergePart,
    MergeRequest,
    PreviewRequest,
    Request,
    TextRequest,
)
from testsupport import pdf_forms, pdfs
from testsupport.documents import table
from testsupport.framework_stylesheet import framework_stylesheet
from testsupport.own_font import own_font

pytestmark = [
    pytest.mark.skipif(offered().level != "full", reason=f"the isolation here is {offered()}"),
    pytest.mark.asyncio(loop_scope="module"),
]

EXAMPLES = Path(__file__).parents[3] / "examples"
INVOICE = (EXAMPLES / "invoice.html").read_text()
SCRIPTS = EXAMPLES / "scripts.html"
REPORT = (EXAMPLES / "report.html").read_text()

Pools = tuple[RenderPool, RenderPool]


def picture(kind: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).convert(mode).save(file, kind)
    return file.getvalue()


PICTURES = {
    "a.png": picture("png", "RGBA"),
    "b.jpg": picture("jpeg"),
    "c.jpg": picture("jpeg", "CMYK"),
    "d.webp": picture("webp"),
    "e.gif": picture("gif", "P"),
    "f.tiff": picture("tiff"),
    "g.jp2": picture("jpeg2000"),
    "h.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><defs><linearGradient id="g">'
    b'<stop stop-color="red"/><stop offset="1"/></linearGradient></defs><rect width="90" height="9" '
    b'fill="url(#g)"/><text y="25" font-family="serif">drawn</text></svg>',
}
FONTS = """<style>@font-face { font-family: own; src: url(own.ttf) } p { font-family: own, serif }
@font-face { font-family: local; src: local('DejaVu Serif') } b { font-family: local }</style>"""
ALL_SCRIPTS = "Latin кириллица Ελληνικά 中文 日本語 한국어 العربية עברית हिन्दी 🙂 ﬁ"


def html(document: str, files: Mapping[str, bytes] | None = None, **options: Any) -> RenderRequest:
    files = files or {}
    spec = PDF_RENDER.canonical({"html": document}, options, files)
    return RenderRequest(format="html", document=document, files=files, options=spec["options"])


def example_with_files() -> RenderRequest:
    files = {path.name: path.read_bytes() for path in (EXAMPLES / "e-invoice").iterdir()}
    options = json.loads(files.pop("options.json"))
    return html(files.pop("index.html").decode(), files, **options)


REQUESTS: dict[str, Request] = {
    **{path.stem: html(path.read_text(), forms=True) for path in EXAMPLES.glob("*.html") if path != SCRIPTS},
    "pictures": html("".join(f"<img src='{name}' alt=''>" for name in PICTURES), PICTURES),
    "pictures at a lower resolution": html("<img src=a.png><img src=b.jpg>", PICTURES, image_dpi=10),
    "own fonts": html(f"{FONTS}<p>own <b>local</b>", {"own.ttf": own_font(700)}),
    "hyphens": html("<p lang=de style='hyphens: auto; width: 3em'>Donaudampfschifffahrtsgesellschaft"),
    "accessible": html(INVOICE, pdf_variant="pdf/ua-1"),
    "archive": html(INVOICE, pdf_variant="pdf/a-3u"),
    "attachment": html("<p>x", {"data.csv": b"1,2"}, attachments=[{"name": "data.csv", "file": "data.csv"}]),
    "watermark": html(REPORT, watermark={"text": "Entwurf", "color": "#ff0000", "opacity": 0.5}),
    "framework": html(f"<style>{framework_stylesheet()}</style>" + INVOICE),
    "table": html(table(100)),
    "markdown": RenderRequest(
        format="markdown", document="# One\n\n|a|b|\n|-|-|\n|1|2|\n\n~~no~~[^1]\n\n[^1]: note"
    ),
    "markdown with all that it can have": RenderRequest(
        format="markdown",
        document="---\ntitle: T\nlang: de\n---\n[TOC]\n# One\n- [x] a\n\n"
        "```rust\nfn f() {}\n```\n\n> [!TIP]\n> b\n\nc\n: d\n",
    ),
    "template": RenderRequest(
        format="template",
        document="{{ 3.5|money('EUR', 'de') }} {{ '2026-01-31'|date('ja', 'full') }} {{ 5|number('hi') }}",
        data={},
    ),
    "merged": MergeRequest(
        parts=[
            MergePart(pdf=pdfs.pages("one", "two"), title="One"),
            MergePart(pdf=pdfs.pages("three"), title="Two"),
        ],
        options={"watermark": {"text": "Copy"}},
    ),
    "filled": FillRequest(
        pdf=pdf_forms.application(),
        fields={"name": "Ada", "notes": "one\ntwo", "agree": True, "size": "large", "days": ["day 3"]},
        options={"flatten": True},
    ),
    "text": TextRequest(pdf=pdfs.pages("one", "two"), options={}, produces=["text/plain"]),
    "text and fields": TextRequest(
        pdf=pdf_forms.application(), options={"format": "json"}, produces=["application/json"]
    ),
    "preview": PreviewRequest(
        pdf=pdfs.pages("one", "two"),
        options={"format": "png", "width": 300},
        produces=["image/png", "application/zip"],
    ),
    "preview as webp": PreviewRequest(
        pdf=pdfs.pages("one"), options={"format": "webp", "width": 300}, produces=["image/webp"]
    ),
}


async def started(isolation: IsolationMode) -> RenderPool:
    pool = RenderPool(size=1, limits=RenderLimits(isolation=isolation, fetch=FetchLimits(mode="none")))
    await pool.start()
    return pool


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pools() -> AsyncIterator[Pools]:
    """One with full isolation and one without any."""
    pools = await started("required"), await started("off")
    yield pools
    for pool in pools:
        await pool.close()


async def result(pool: RenderPool, request: Request) -> tuple[bytes, list[dict[str, str]], Any]:
    outcome = await pool.render(request, tenant="acme", timeout_ms=60_000, report=lambda _: None)
    body = re.sub(rb"D:\d{14}Z", b"", outcome.body)  # an attachment has the time of the render
    return body, outcome.details["warnings"], outcome.details["pages"]


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_result_and_its_warnings_are_the_same_as_without_isolation(pools: Pools, name: str) -> None:
    isolated, free = pools
    before = isolated.children
    assert await result(isolated, REQUESTS[name]) == await result(free, REQUESTS[name])
    assert isolated.children.keys() == before.keys(), "no child was ended by the kernel"


@pytest.mark.parametrize(
    "request_",
    [
        html(SCRIPTS.read_text()),  # the fonts of emoji are embedded a little differently each time
        html(f"<p lang=en>{ALL_SCRIPTS}<p style='font-family: monospace'>{ALL_SCRIPTS}"),
        example_with_files(),  # it has the time in it
        html(INVOICE, encrypt={"user_password": "open", "owner_password": "own"}),  # with a random key
    ],
    ids=["scripts", "fallback fonts", "electronic invoice", "encrypted"],
)
async def test_a_document_whose_bytes_vary_looks_the_same(pools: Pools, request_: Request) -> None:
    isolated, free = [await result(pool, request_) for pool in pools]
    assert isolated[1:] == free[1:]
    assert pictures(isolated[0]) == pictures(free[0])


def pictures(pdf: bytes) -> list[bytes]:
    with pypdfium2.PdfDocument(pdf, password="open") as document:  # type: ignore[no-untyped-call]
        return [bytes(page.render().buffer) for page in document]
