"""Every comparison is of bytes, with what plain WeasyPrint makes of the same document."""

import base64
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import weasyprint
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from jobs.render.child.html.stylesheets import StylesheetCache
from testsupport.framework_stylesheet import framework_stylesheet

EXAMPLES = Path(__file__).parents[6] / "examples"
FRAMEWORK = framework_stylesheet()
BODY = """<body class="card"><h1>Invoice</h1><div class="col-6 mt-3"><a class="btn btn-primary" href="#x">Pay</a>
<table class="table"><tr><td class="text-danger">a<td style="color:var(--own)">b</table><ol><li>x<li>y</ol></div>"""
LINKED = {
    "https://a.example/framework.css": FRAMEWORK.encode(),
    "https://a.example/latin.css": "h1::after { content: 'é' }".encode("latin-1"),
    "https://a.example/imports.css": b"@import 'latin.css'; h1 { color: red }",
    "https://a.example/x.icc": b"no profile",
    "https://a.example/layers.css": b"@layer base, top; @layer top { h1 { color: red } }",
}


class Linked(URLFetcher):
    """`LINKED`, as a server would send it."""

    def __init__(self, pages: dict[str, bytes] = LINKED) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._pages = pages

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        if url.startswith("data:"):
            asset: URLFetcherResponse = super().fetch(url)  # type: ignore[no-untyped-call]
            return asset
        charset = "; charset=latin-1" if "latin" in url else ""
        return URLFetcherResponse(url, self._pages[url], {"Content-Type": f"text/css{charset}"}, 200)


def style(css: str, body: str = BODY) -> str:
    return f"<!doctype html><html lang=en><title>t</title><style>{css}</style>{body}"


def link(name: str) -> str:
    return f'<!doctype html><link rel=stylesheet href="https://a.example/{name}.css">{BODY}'


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
    """Some fonts are subset by fontTools, which writes down when."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")


def rendered(document: str, **options: Any) -> bytes:
    html = weasyprint.HTML(string=document, base_url="https://a.example/", url_fetcher=Linked())
    pdf = html.write_pdf(**options)
    assert isinstance(pdf, bytes)
    return pdf


@contextmanager
def complaints() -> Iterator[list[str]]:
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    listener = Listener(logging.WARNING)
    logging.getLogger("weasyprint").addHandler(listener)
    try:
        yield said
    finally:
        logging.getLogger("weasyprint").removeHandler(listener)


def test_every_document_is_byte_identical_the_first_and_the_second_time_and_says_the_same() -> None:
    cache = StylesheetCache()
    plain = {}
    for name, document in DOCUMENTS.items():
        with complaints() as said:
            plain[name] = rendered(document), said
    for round in ("new", "kept"):
        for name, document in DOCUMENTS.items():
            with complaints() as said, cache.in_use():
                pdf = rendered(document)
            assert pdf == plain[name][0], (name, round)
            assert said == plain[name][1], (name, round)
    assert cache.hits >= 20


@pytest.mark.parametrize("variant", ["pdf/a-3u", "pdf/ua-1"])
def test_so_are_variants(variant: str) -> None:
    cache = StylesheetCache()
    plain = rendered(DOCUMENTS["framework"], pdf_variant=variant)
    for _ in range(2):
        with cache.in_use():
            assert rendered(DOCUMENTS["framework"], pdf_variant=variant) == plain
    assert cache.hits == 1


def test_user_stylesheets_are_kept_too() -> None:
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
def test_a_stylesheet_that_reaches_for_its_document_is_never_kept(css: str) -> None:
    cache = StylesheetCache()
    for _ in range(3):
        with cache.in_use():
            rendered(style(css))
    assert cache.hits == 0


def test_a_linked_stylesheet_is_known_by_its_content_not_by_its_url() -> None:
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


def test_another_base_url_or_medium_is_another_stylesheet() -> None:
    cache = StylesheetCache()
    for base_url in ("https://a.example/", "https://b.example/"):
        for media in ("print", "screen"):
            html = weasyprint.HTML(string=style("h1{color:red}"), base_url=base_url, media_type=media)
            with cache.in_use():
                html.write_pdf()
    assert cache.hits == 0


def test_the_least_recently_used_goes_when_there_are_too_many_bytes() -> None:
    cache = StylesheetCache(max_source_bytes=40)
    arguments: dict[str, Any] = {"media_type": "print", "url_fetcher": Linked()}
    first, second, third = ("h1{color:red}", "h2{color:red}", "h3{color:blue}/* longer */")
    for css in (first, second, first, third, first, second):
        cache.css(string=css, **arguments)
    assert cache.hits == 2
    cache.css(string="a{b:c}" * 10, **arguments)
    cache.css(string="a{b:c}" * 10, **arguments)
    assert cache.hits == 2


def test_what_is_kept_goes_without_the_garbage_collector() -> None:
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
