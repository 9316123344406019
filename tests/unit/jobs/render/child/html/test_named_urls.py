"""All routes by which a document can name a URL.

Whatever the route, a URL that is refused is missing from the document, with a warning, and the
document is rendered. What WeasyPrint does not fetch is listed as well, so that a new release which
does is noticed.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest

from jobs.render.child.html.engine import Engine
from jobs.render.protocol.limits import FetchLimits
from testsupport.asset_fetching import asking
from testsupport.hostile_web import HostileWeb


def style(css: str, body: str = "<p class=x>x") -> str:
    return f"<style>{css}</style>{body}"


def svg(inside: str) -> str:
    return f"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">
        {inside}</svg>"""


FETCHED = {
    "link stylesheet": "<link rel=stylesheet href='URL'>",
    "link to a stylesheet for print": "<link rel='preload stylesheet' media=print href='URL'>",
    "link attachment": "<link rel=attachment href='URL'>",
    "a attachment": "<a rel=attachment href='URL'>x</a>",
    "img": "<img src='URL' alt=x>",
    "embed": "<embed src='URL'>",
    "object": "<object data='URL'>x</object>",
    "base": "<base href='URL'><img src='?2' alt=x>",
    "body background": "<body background='URL'>",
    "table background": "<table background='URL'><tr><td>x</table>",
    "cell background": "<table><tr><td background='URL'>x</table>",
    "style attribute": "<p style='background: url(URL)'>x",
    "@import with url()": style("@import url(URL);"),
    "@import with a string": style("@import 'URL';"),
    "@import for print": style("@import 'URL' print;"),
    "@import into a layer": style("@import 'URL' layer(base);"),
    "@font-face": style("@font-face { font-family: f; src: url(URL) } .x { font-family: f }"),
    "@font-face with a second source": style(
        "@font-face { font-family: f; src: local(none), url(URL) format('woff2') }"
    ),
    "@color-profile": style("@color-profile --c { src: url(URL) } .x { color: color(--c 1 0 0) }"),
    "@color-profile device-cmyk": style("@color-profile device-cmyk { src: url(URL) }"),
    "background-image": style(".x { background-image: url(URL) }"),
    "background of several layers": style(".x { background: url(URL) no-repeat, red }"),
    "background by a variable": style(":root { --u: url(URL) } .x { background: var(--u) }"),
    "@page background": style("@page { background: url(URL) }"),
    "@page margin box": style("@page { @top-left { content: url(URL) } }"),
    "border-image": style(".x { border: 1px solid; border-image: url(URL) 1 }"),
    "mask-border": style(".x { mask-border: url(URL) 1 }"),
    "list-style": style("li { list-style: url(URL) }", "<ul><li>x</ul>"),
    "list-style-image": style("li { list-style-image: url(URL) }", "<ul><li>x</ul>"),
    "content of ::before": style(".x::before { content: url(URL) }"),
    "content of ::marker": style(
        "li { list-style-position: inside } li::marker { content: url(URL) }", "<ul><li>x</ul>"
    ),
    "content of ::footnote-call": style(
        ".x { float: footnote } ::footnote-call { content: url(URL) }", "<p>y<span class=x>x</span>"
    ),
    "inline SVG, image with xlink:href": svg("<image xlink:href='URL' width='9' height='9'/>"),
    "inline SVG, image with href": svg("<image href='URL' width='9' height='9'/>"),
    "inline SVG, image with xml:base": svg("<image xml:base='URL' href='?2' width='9' height='9'/>"),
    "inline SVG, @font-face": svg("<style>@font-face { font-family: f; src: url(URL) }</style>"),
    "SVG image in a data URL": "<img alt=x src='data:image/svg+xml,"
    + quote(svg("<image href='URL' width='9' height='9'/>"), safe="")
    + "'>",
}
"""Documents by how they name URL, which WeasyPrint fetches."""

NOT_FETCHED = {
    "a": "<a href='URL'>x</a>",
    "img srcset": "<img srcset='URL 2x' alt=x>",
    "picture source": "<picture><source srcset='URL'></picture>",
    "iframe": "<iframe src='URL'></iframe>",
    "frame": "<frameset><frame src='URL'></frameset>",
    "script": "<script src='URL'></script>",
    "video": "<video src='URL' poster='URL'></video>",
    "audio": "<audio src='URL'><source src='URL'></audio>",
    "track": "<video><track src='URL'></video>",
    "applet": "<applet codebase='URL' archive='URL'></applet>",
    "input image": "<input type=image src='URL'>",
    "form action": "<form action='URL'><button formaction='URL'>x</button></form>",
    "blockquote cite": "<blockquote cite='URL'>x</blockquote>",
    "link icon, preload, alternate stylesheet": "<link rel=icon href='URL'><link rel=preload href='URL' as=image>"
    "<link rel='alternate stylesheet' href='URL'>",
    "link to a stylesheet for screens": "<link rel=stylesheet media=screen href='URL'>",
    "meta refresh": "<meta http-equiv=refresh content='0; url=URL'>",
    "meta image": "<meta property=og:image content='URL'>",
    "html manifest": "<html manifest='URL'>",
    "doctype": "<!DOCTYPE html SYSTEM 'URL'>",
    "processing instruction": "<?xml-stylesheet href='URL'?>",
    "cursor": style(".x { cursor: url(URL), auto }"),
    "filter": style(".x { filter: url(URL) }"),
    "mask": style(".x { mask: url(URL) }"),
    "clip-path": style(".x { clip-path: url(URL) }"),
    "shape-outside": style(".x { float: left; shape-outside: url(URL) }"),
    "image-set()": style(".x { background: image-set(url(URL) 1x) }"),
    "cross-fade()": style(".x { background: cross-fade(url(URL), red) }"),
    "@counter-style": style(
        "@counter-style c { system: cyclic; symbols: url(URL) } li { list-style: c }", "<li>x"
    ),
    "content of an element": style(".x { content: url(URL) }"),
    "content by attr()": style("i::before { content: attr(u url) }", "<i u='URL'>x</i>"),
    "@namespace": style("@namespace url(URL);"),
    "@document": style("@document url(URL) { .x { color: red } }"),
    "target-counter()": style(".x::after { content: target-counter(url(URL), page) }"),
    "bookmark and link properties": style(".x { bookmark-label: 'x'; link: url(URL); anchor: url(URL) }"),
    "inline SVG, use": svg("<use xlink:href='URL#x'/>"),
    "inline SVG, @import": svg("<style>@import url(URL);</style><rect width='9' height='9'/>"),
    "inline SVG, xml-stylesheet": svg("<?xml-stylesheet href='URL'?>"),
    "inline SVG, feImage": svg(
        "<filter id='f'><feImage href='URL'/></filter><rect filter='url(#f)' width='9' height='9'/>"
    ),
    "inline SVG, gradient": svg(
        "<linearGradient id='g' href='URL#x'/><rect fill='url(#g)' width='9' height='9'/>"
    ),
    "inline SVG, fill": svg("<rect fill='url(URL#x)' width='9' height='9'/>"),
    "inline SVG, mask, clip-path, filter, marker": svg(
        "<path d='M0 0L9 9' mask='url(URL#x)' clip-path='url(URL#x)' filter='url(URL#x)' marker-end='url(URL#x)'/>"
    ),
    "inline SVG, textPath": svg("<text><textPath href='URL#x'>x</textPath></text>"),
    "inline SVG, a": svg("<a href='URL'><rect width='9' height='9'/></a>"),
    "inline SVG, script": svg("<script href='URL'/>"),
    "SVG image, external entity": "<img alt=x src='data:image/svg+xml,"
    + quote("<!DOCTYPE svg [<!ENTITY e SYSTEM 'URL'>]>" + svg("<text>&e;</text>"), safe="")
    + "'>",
}
"""Documents by how they name URL, which WeasyPrint does not fetch."""


@pytest.fixture(scope="module")
def open_engine() -> Engine:
    return Engine(asking(FetchLimits(egress_allow=("127.0.0.1",), max_requests=10_000)))


@pytest.fixture(scope="module")
def closed_engine() -> Engine:
    return Engine(asking(FetchLimits(max_requests=10_000)))


def warnings_of(engine: Engine, document: str, web: HostileWeb) -> set[str]:
    """The codes of the warnings of a document, in which URL is an address of `web`."""
    web.requests.clear()
    address = web.url("/pixel.png")
    document = document.replace("URL", address).replace(quote("URL", safe=""), quote(address, safe=""))
    rendered = engine.render("html", f"<!doctype html>{document}".encode(), {}, lambda step: None)
    engine.tidy_up()
    assert rendered.pages == 1
    return {warning["code"] for warning in rendered.warnings}


@pytest.mark.parametrize("route", FETCHED)
def test_a_refused_url_costs_what_it_names_and_not_the_document(
    closed_engine: Engine, open_engine: Engine, web: HostileWeb, route: str
) -> None:
    assert "asset_forbidden" in warnings_of(closed_engine, FETCHED[route], web)
    assert web.requests == []
    assert "asset_forbidden" not in warnings_of(open_engine, FETCHED[route], web)
    assert web.requests, "an allowed URL is fetched"


@pytest.mark.parametrize("route", NOT_FETCHED)
def test_other_urls_are_not_fetched_even_if_they_are_allowed(
    open_engine: Engine, web: HostileWeb, route: str
) -> None:
    assert "asset_forbidden" not in warnings_of(open_engine, NOT_FETCHED[route], web)
    assert web.requests == []


@pytest.mark.parametrize(
    ("format", "document", "options"),
    [
        ("markdown", "![x](URL)", {}),
        ("template", "<img src='{{ 'URL' }}' alt=x>", {}),
        ("html", "<p>x", {"stylesheets": ["@import 'URL';"]}),
        ("html", "<p>x", {"stylesheets": ["p { background: url(URL) }"]}),
        ("html", "<img src='?2' alt=x>", {"base_url": "URL"}),
    ],
)
def test_a_refused_url_of_another_format_or_an_option_costs_only_what_it_names(
    closed_engine: Engine, web: HostileWeb, format: str, document: str, options: dict[str, object]
) -> None:
    address = web.url("/pixel.png")
    options = {
        name: value.replace("URL", address) if isinstance(value, str) else [value[0].replace("URL", address)]  # type: ignore[index]
        for name, value in options.items()
    }
    web.requests.clear()
    rendered = closed_engine.render(
        format, document.replace("URL", address).encode(), options, lambda step: None
    )
    assert [warning["code"] for warning in rendered.warnings] == ["asset_forbidden"]
    assert web.requests == []


def test_a_refused_url_in_an_uploaded_file_costs_only_what_it_names(
    closed_engine: Engine, web: HostileWeb
) -> None:
    files = {"a.css": f"@import '{web.url('/style.css')}';".encode()}
    document = b"<link rel=stylesheet href=a.css>x"
    rendered = closed_engine.render("html", document, {}, lambda step: None, files)
    assert [warning["code"] for warning in rendered.warnings] == ["asset_forbidden"]
