"""PDFs that hold what they claim, and the same with a change that breaks a clause."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import pikepdf
import pytest
from PIL import Image

from jobs.render.child.html.engine import Engine, RenderedDocument
from jobs.render.child.html.fetcher import ask_nobody
from jobs.render.child.pdf.conformance.check import Check, Problem
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.variants import Variant, variants_of
from testsupport.own_font import own_font

Change = Callable[[Any], "bytes | None"]
"""Changes the PDF, or returns other bytes for it. It is typed loosely, as objects of a PDF are."""

_ATTACHED = {
    "attachments": [{"name": "a.csv", "data": "MSwy", "description": "data", "relationship": "data"}]
}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "pdf/a-1a": {},
    "pdf/a-2a": {},
    "pdf/a-2u": {},
    "pdf/a-3a": _ATTACHED,
    "pdf/a-4": {},
    "pdf/a-4e": {},
    "pdf/a-4f": _ATTACHED,
    "pdf/ua-1": {"forms": True, **_ATTACHED},
    "pdf/ua-2": {"forms": True, **_ATTACHED},
}
"""With the options that each needs so that it has something of all that is checked."""
DOCUMENT = """<!doctype html><html lang="en"><title>Report</title>
<meta name="author" content="Ada"><meta name="keywords" content="one, two">
<meta name="dcterms.created" content="2026-01-31">
<style>@page { size: 300pt 600pt; margin: 20pt; @bottom-center { content: counter(page) } }</style>
<h1 id="top">Report</h1><h2>Part</h2>
<p>Text with <b>bold</b> <a href="https://example.org">link</a> and <a href="#top">up</a>.</p>
<ul><li>one<li>two</ul><ol><li>three</ol>
<table><tr><th>a<th>b<tr><td>1<td>2<tr><td>3<td>4</table>
<img src="picture.png" alt="A picture" width="20">
<form><label>Name <input name="name"></label><label>Yes <input type="checkbox" name="yes"></label></form>
"""


@cache
def _engine() -> Engine:
    return Engine(ask_nobody)


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (200, 10, 10)).save(file, "PNG")
    return file.getvalue()


def rendered(html: str, **options: Any) -> RenderedDocument:
    """Renders a document, which may have ``picture.png`` and the font ``icons.ttf``."""
    files = {"picture.png": picture(), "icons.ttf": own_font(500, "Icons", [0xE000])}
    try:
        return _engine().render("html", html.encode(), options, lambda step: None, files)
    finally:
        _engine().tidy_up()


@cache
def good(variant: str) -> bytes:
    """Returns a PDF that passes all checks of this standard."""
    return rendered(DOCUMENT, pdf_variant=variant, **VARIANTS[variant]).pdf


def problems(check: Check, variant: str, change: Change | None = None) -> list[Problem]:
    """Returns what a check finds in a good PDF, or in one with a change."""
    data = good(variant)
    if change is not None:
        data = changed(data, change)
    with pikepdf.open(io.BytesIO(data)) as document:
        return list(check.find(CheckedFile(data, document), variants_of(variant)[0]))


def changed(data: bytes, change: Change) -> bytes:
    with pikepdf.open(io.BytesIO(data)) as document:
        if (other := change(document)) is not None:
            return other
        file = io.BytesIO()
        # Without object streams, PDF 1.4 stays PDF 1.4.
        document.save(
            file,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
            fix_metadata_version=False,  # which also repairs metadata
            deterministic_id=True,
        )
        return file.getvalue()


def cases(broken: Sequence[tuple[Check, Change]]) -> pytest.MarkDecorator:
    """Returns a test parameter for each change, and each standard that its check applies to."""
    return pytest.mark.parametrize(
        ("check", "variant", "change"),
        [
            pytest.param(check, variant, change, id=f"{check.name}-{change.__name__}-{variant}")
            for check, change in broken
            for variant in VARIANTS
            if check.clause(_variant(variant)) is not None
        ],
    )


def _variant(variant: str) -> Variant:
    return variants_of(variant)[0]


def first(document: Any, **wanted: str) -> Any:
    """Returns the first dictionary or stream with these names, such as ``S="Figure"``."""
    return all_with(document, **wanted)[0]


def all_with(document: Any, **wanted: str) -> list[Any]:
    return [
        each
        for each in document.objects
        if isinstance(each, pikepdf.Dictionary | pikepdf.Stream)
        and all(each.get(f"/{key}") == pikepdf.Name(f"/{value}") for key, value in wanted.items())
    ]
