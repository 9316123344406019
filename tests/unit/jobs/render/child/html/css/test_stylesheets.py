"""Which stylesheets are kept, and for how long."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import weasyprint

from jobs.render.child.html.css.stylesheets import StylesheetCache
from testsupport.linked_stylesheets import BODY, FRAMEWORK, Linked, rendered, style


@pytest.fixture(autouse=True)
def _fonts_without_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """fontTools, which subsets some fonts, writes the time into them."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")


@pytest.mark.parametrize(
    "css",
    [
        "@font-face{font-family:N;src:local('DejaVu Serif')}",
        "@counter-style z{system:cyclic;symbols:'*'}",
        "@counter-style decimal{system:cyclic;symbols:'*'}",
        "@layer a;",
        "@layer{h1{color:red}}",
        "@media print{@layer{h1{color:red}}}",
        "@import 'https://a.example/latin.css';",
        "@\\69mport 'https://a.example/latin.css';",
        "@color-profile device-cmyk{src:url(https://a.example/x.icc)}",
    ],
)
def test_a_stylesheet_that_uses_objects_of_its_document_is_never_kept(css: str) -> None:
    cache = StylesheetCache()
    for _ in range(3):
        with cache.in_use():
            rendered(style(css))
    assert cache.hits == 0


def test_a_linked_stylesheet_is_found_by_its_content_and_not_by_its_url() -> None:
    cache = StylesheetCache()
    url = "https://a.example/x.css"

    def sheet(content: bytes) -> bytes:
        html = weasyprint.HTML(
            string=f"<link rel=stylesheet href={url}>{BODY}", url_fetcher=Linked({url: content})
        )
        with cache.in_use():
            pdf = html.write_pdf()
        assert isinstance(pdf, bytes)
        return pdf

    assert sheet(b"h1{color:red}") != sheet(b"h1{color:blue}")
    assert sheet(b"h1{color:red}") == sheet(b"h1{color:red}")
    assert cache.hits == 2


def test_a_stylesheet_with_another_base_url_or_media_type_is_parsed_anew() -> None:
    cache = StylesheetCache()
    for base_url in ("https://a.example/", "https://b.example/"):
        for media in ("print", "screen"):
            html = weasyprint.HTML(string=style("h1{color:red}"), base_url=base_url, media_type=media)
            with cache.in_use():
                html.write_pdf()
    assert cache.hits == 0


def test_the_least_recently_used_stylesheet_is_dropped_above_the_limit_of_bytes() -> None:
    cache = StylesheetCache(max_source_bytes=40)
    arguments: dict[str, Any] = {"media_type": "print", "url_fetcher": Linked()}
    first, second, third = ("h1{color:red}", "h2{color:red}", "h3{color:blue}/* longer */")
    for css in (first, second, first, third, first, second):
        cache.css(string=css, **arguments)
    assert cache.hits == 2
    cache.css(string="a{b:c}" * 10, **arguments)
    cache.css(string="a{b:c}" * 10, **arguments)
    assert cache.hits == 2


def test_a_kept_stylesheet_is_freed_without_the_garbage_collector() -> None:
    arguments: dict[str, Any] = {"media_type": "print", "url_fetcher": Linked()}
    StylesheetCache().css(string=FRAMEWORK, **arguments)
    gc.collect()
    cache = StylesheetCache()
    cache.css(string=FRAMEWORK, **arguments)
    gc.disable()
    try:
        gc.collect()
        before = len(gc.get_objects())
        del cache
        freed = before - len(gc.get_objects())
        left = gc.collect()
    finally:
        gc.enable()
    assert freed > 1000
    assert left < freed / 100
