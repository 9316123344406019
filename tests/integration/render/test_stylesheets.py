"""Documents whose stylesheets are kept have the same bytes as with plain WeasyPrint."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import weasyprint
from weasyprint.text.fonts import FontConfiguration

from jobs.render.child.html.css.stylesheets import StylesheetCache
from testsupport.linked_stylesheets import BODY, FRAMEWORK, Linked, link, rendered, style

EXAMPLES = Path(__file__).parents[3] / "examples"
DOCUMENTS = {
    **{path.stem: path.read_text() for path in sorted(EXAMPLES.glob("*.html"))},
    "framework": style(FRAMEWORK),
    "framework and own rules": style(FRAMEWORK) + "<style>h1{color:teal}@page{margin:1cm}</style>",
    "page rules": style("@page{size:A5}@page wide{size:A4 landscape}table{page:wide}"),
    "page rules again, after others": "<style>@page{size:A6;@top-left{content:'x'}}</style>"
    + style("@page{size:A5}@page wide{size:A4 landscape}table{page:wide}"),
    "layers": style("@layer a,b;@layer b{h1{color:red}}@layer a{h1{color:blue}}"),
    "layers beside others": style(FRAMEWORK) + "<style>@layer{h1{color:red}}</style>",
    "counter style": style("@counter-style z{system:cyclic;symbols:'*' '+'}ol{list-style:z}"),
    "counter style used, not defined": style("ol{list-style:z}"),
    "font face": style("@font-face{font-family:N;src:local('DejaVu Serif')}h1{font-family:N}"),
    "font face used, not defined": style("h1{font-family:N}"),
    "media": style(
        "@media screen{h1{color:red}}@media print{h1{color:blue}}@media (min-width:5cm){a{color:lime}}"
    ),
    "variables": style(":root{--own:red;--w:calc(10% + 2px)}table{width:var(--w);margin:var(--none)}"),
    "other variables": style(":root{--own:lime;--w:7cm}table{width:var(--w);margin:var(--none)}"),
    "import": style("@import 'https://a.example/latin.css';h1{color:red}"),
    "linked": link("framework"),
    "linked, with an encoding": link("latin"),
    "linked, importing": link("imports"),
    "linked, with layers": link("layers"),
    "linked, missing": link("missing"),
    "linked as data": '<link rel=stylesheet href="data:text/css;base64,'
    + base64.b64encode(b"h1{color:red}").decode()
    + f'">{BODY}',
    "broken": style(
        "h1{color:red;;}}}@page :nth(x){}@import 'late.css';p{colr:1;width:-1px}::foo{a:b}@media &{}"
    ),
}


@pytest.fixture(autouse=True)
def _fonts_without_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """fontTools, which subsets some fonts, writes the time into them."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")


@contextmanager
def logged() -> Iterator[list[str]]:
    """The warnings that WeasyPrint logs inside."""
    messages: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    listener = Listener(logging.WARNING)
    logging.getLogger("weasyprint").addHandler(listener)
    try:
        yield messages
    finally:
        logging.getLogger("weasyprint").removeHandler(listener)


def test_every_document_has_the_same_bytes_and_warnings_with_new_and_with_kept_stylesheets() -> None:
    cache = StylesheetCache()
    plain = {}
    for name, document in DOCUMENTS.items():
        with logged() as messages:
            plain[name] = rendered(document), messages
    for stylesheets in ("new", "kept"):
        for name, document in DOCUMENTS.items():
            with logged() as messages, cache.in_use():
                pdf = rendered(document)
            assert pdf == plain[name][0], (name, stylesheets)
            assert messages == plain[name][1], (name, stylesheets)
    assert cache.hits >= 20


@pytest.mark.parametrize("variant", ["pdf/a-3u", "pdf/ua-1"])
def test_pdf_variants_have_the_same_bytes_with_kept_stylesheets(variant: str) -> None:
    cache = StylesheetCache()
    plain = rendered(DOCUMENTS["framework"], pdf_variant=variant)
    for _ in range(2):
        with cache.in_use():
            assert rendered(DOCUMENTS["framework"], pdf_variant=variant) == plain
    assert cache.hits == 1


def test_documents_have_the_same_bytes_with_kept_user_stylesheets() -> None:
    own = "h1{color:red!important}@page{size:A5;margin:var(--x)}"
    arguments: dict[str, Any] = {
        "media_type": "print",
        "url_fetcher": Linked(),
        "font_config": FontConfiguration(),
    }
    plain = rendered(DOCUMENTS["framework"], stylesheets=[weasyprint.CSS(string=own)])
    cache = StylesheetCache()
    for _ in range(3):
        assert rendered(DOCUMENTS["framework"], stylesheets=[cache.css(string=own, **arguments)]) == plain
    assert cache.hits == 2
