"""Links in the PDF are those of the document, whatever address it has inside a render child."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pikepdf
import pypdfium2
import pytest

from jobs.core.errors.job import JobError
from jobs.render.child.html.engine import Engine, RenderedDocument
from jobs.render.child.html.fetcher import FILES_URL
from jobs.render.protocol.limits import FetchLimits
from testsupport.asset_fetching import asking
from testsupport.hostile_web import HostileWeb

PNG = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<a href="in.html"><text>t</text></a><image href="no.png"/></svg>'
)
EVERY_ROUTE = f"""<html lang=en><title>T</title><meta name=author content=A>
<link rel=stylesheet href=style.css><link rel=stylesheet href=missing.css><link rel=attachment href=a.txt title=d>
<link rel=attachment href=missing.txt><link rel=canonical href=canonical.html>
<style>@import "gone.css"; @font-face {{ font-family: f; src: url(no.ttf) }}
@page {{ @top-left {{ content: url(no.svg) "top" }} }}
h1 {{ bookmark-label: attr(href) content(); string-set: s attr(href) }} a::after {{ content: " (" attr(href) ")" }}
p {{ font-family: f; background: url(no.jpg); list-style-image: url(no.gif) }}
b::before {{ content: target-counter(attr(href url), page) target-text(attr(href url)) }}</style>
<h1 href=h.html>Heading</h1><b href=b.html>b</b><b href="b.html#x">b</b>
<p><a href=page.html>1</a> <a href=/abs>2</a> <a href="?q=1">3</a> <a href=../up.html>4</a> <a href=./>5</a>
<a href="#">6</a> <a href="#here">7</a> <a href="p.html#x"><i>8</i><img src={PNG} alt=x></a>
<a href=a.txt rel=attachment>9 <img src={PNG} alt=x></a> <a href=no.txt rel=attachment>10 <i>x</i></a>
<a href=''>11</a> <a href=a.txt download>12</a> <a href="//[x">13</a><a href="http://[x">14</a> <a href="x:y">15</a>
<p id=here>Here<img src=missing.png alt="missing.png"><img src=broken.svg alt=x><embed src=e.png>
<object data=o.png></object>
{DRAWING}<img alt=x src="data:image/svg+xml,{quote(DRAWING)}">
<form action=send.html><input name=n value=v><input type=submit></form>
<form action=//[x><input name=m><input type=submit></form>"""
FILES = {
    "style.css": b"p { colour: url(x.png) } @import url(y.css);",
    "a.txt": b"text",
    "broken.svg": b"<svg",
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(asking(FetchLimits(egress_allow=("127.0.0.0/8",))))


def render(
    engine: Engine,
    document: str,
    files: Mapping[str, bytes] | None = None,
    index: str | None = None,
    **options: Any,
) -> RenderedDocument:
    try:
        return engine.render("html", document.encode(), options, lambda step: None, files, index=index)
    finally:
        engine.tidy_up()


def actions(rendered: RenderedDocument) -> list[tuple[str, str]]:
    """The type of each annotation, and the address to which it leads or sends."""
    found = []
    with pikepdf.open(BytesIO(rendered.pdf)) as opened:
        for annotation in (each for page in opened.pages for each in page.get("/Annots", [])):
            action = annotation.get("/A", {})
            found.append((str(annotation.Subtype), str(action.get("/URI", action.get("/F", "")))))
    return found


def addresses(rendered: RenderedDocument) -> list[str]:
    return [address for _, address in actions(rendered) if address]


def warned(rendered: RenderedDocument) -> list[str]:
    return [warning["message"] for warning in rendered.warnings if warning["code"] == "relative_link"]


def everything_in(pdf: bytes) -> bytes:
    """The text of the pages, all objects of the PDF, and all streams decoded."""
    found = [page.get_textpage().get_text_bounded().encode() for page in pypdfium2.PdfDocument(pdf)]
    with pikepdf.open(BytesIO(pdf)) as opened:
        for item in opened.objects:
            found.append(item.unparse(resolved=True))
            if isinstance(item, pikepdf.Stream) and item.get("/Subtype") != "/Image":
                found.append(item.read_bytes())
    return b"\n".join(found)


@pytest.mark.parametrize(
    "options",
    [{}, {"pdf_variant": "pdf/ua-1"}, {"pdf_variant": "pdf/a-3u"}, {"forms": True, "tagged": True}],
)
@pytest.mark.parametrize("base", ["", "<base href='folder/'>", "<base href=/root/>"])
@pytest.mark.parametrize("index", [None, "ref/p.html"])
def test_no_internal_address_reaches_a_result(
    engine: Engine, options: dict[str, Any], base: str, index: str | None
) -> None:
    rendered = render(engine, base + EVERY_ROUTE, FILES, index, **options)
    for shown in (b"(page.html)", b"(/abs)", b"Heading"):
        assert shown in everything_in(rendered.pdf)
    for told in (everything_in(rendered.pdf), json.dumps(rendered.warnings).encode()):
        assert b"files.invalid" not in told
    assert FILES_URL.startswith("https://files.invalid")


def test_no_internal_address_reaches_an_error(engine: Engine) -> None:
    for document in (
        f"{EVERY_ROUTE}{'<div>' * 3000}",
        f"{EVERY_ROUTE}<style>p {{ font-size: 1e30px }}</style>",
    ):
        with pytest.raises(JobError) as failed:
            render(engine, document, FILES)
        assert "files.invalid" not in failed.value.message


@pytest.mark.parametrize(
    ("href", "address"),
    [
        ("page.html", "page.html"),
        ("/abs", "/abs"),
        ("/abs/?a=1#b", "/abs/?a=1#b"),
        ("sub/page.html?a=1#b", "sub/page.html?a=1#b"),
        ("sub/", "sub/"),
        ("./", "./"),
        ("../up.html", "../up.html"),
        ("?q=1", "?q=1"),
        ("./a:b.html", "./a:b.html"),
        ("umläut x.html", "uml%C3%A4ut%20x.html"),
        ("https://a.example/x", "https://a.example/x"),
        ("//a.example/x", "https://a.example/x"),
        ("mailto:a@example.com", "mailto:a@example.com"),
    ],
)
@pytest.mark.parametrize(
    ("files", "index"), [(None, None), (FILES, None), (FILES, "ref/a b/p.html"), ({}, "p.html")]
)
def test_a_link_stays_as_it_is_written(
    engine: Engine, href: str, address: str, files: dict[str, bytes] | None, index: str | None
) -> None:
    rendered = render(engine, f"<a href='{href}'>a <b>b</b></a>", files, index)
    assert set(addresses(rendered)) == {address}
    assert bool(warned(rendered)) == (":" not in address or address.startswith("./"))


@pytest.mark.parametrize(
    ("href", "address"),
    [
        ("page.html", "sub/page.html"),
        ("../page.html#a", "page.html#a"),
        ("more/", "sub/more/"),
        ("/abs?q", "/abs?q"),
        ("https://a.example/x", "https://a.example/x"),
    ],
)
def test_a_base_element_moves_links(engine: Engine, href: str, address: str) -> None:
    html = f"<base href='sub/'><a href='{href}'>a</a>"
    assert addresses(render(engine, html, FILES)) == [address]
    rendered = render(engine, html.replace("sub/", "https://b.example/sub/"), FILES)
    assert addresses(rendered)[0].startswith("https://")
    assert warned(rendered) == []


def test_links_are_resolved_with_base_url_and_then_nothing_is_said(engine: Engine) -> None:
    html = "<a href=page.html>1</a> <a href=/abs>2</a> <a href='#'>3</a> <a href=../up>4</a>"
    for files in (None, FILES):
        rendered = render(engine, html, files, base_url="https://a.example/docs/")
        assert addresses(rendered) == [
            "https://a.example/docs/page.html",
            "https://a.example/abs",
            "https://a.example/up",
        ]
        assert rendered.warnings == []


def test_a_form_is_sent_to_an_address_that_is_resolved_like_a_link(engine: Engine) -> None:
    html = "<form action=send><input name=a><input type=submit value=Go></form>"
    for base_url, action in ((None, "send"), ("https://a.example/x/", "https://a.example/x/send")):
        options = {"forms": True} | ({"base_url": base_url} if base_url else {})
        rendered = render(engine, html, FILES, **options)
        assert addresses(rendered) == [action]
        assert len(warned(rendered)) == (base_url is None)


def test_one_warning_tells_of_all_links_that_stay_relative(engine: Engine) -> None:
    html = "".join(f"<a href={name}.html>{name}</a> " for name in "abcdefa")
    (message,) = warned(render(engine, html, FILES))
    assert message.startswith("6 links stay relative: a.html, b.html, c.html, d.html, e.html, …. ")
    (message,) = warned(render(engine, "<a href=a.html>a</a>"))
    assert message.startswith("1 link stays relative: a.html. ")


def test_a_link_to_nowhere_and_links_within_the_document_need_no_address(engine: Engine) -> None:
    rendered = render(engine, "<a href='#'>a <b>b</b></a> <a href='#x'>c</a><p id=x>d", FILES)
    assert addresses(rendered) == []
    assert rendered.warnings == []


def test_every_part_of_a_link_to_an_attachment_is_one(engine: Engine) -> None:
    rendered = render(engine, f"<a href=a.txt rel=attachment>a <img src={PNG} alt=b></a>", FILES)
    assert set(actions(rendered)) == {("/FileAttachment", "")}


def test_what_is_not_among_the_files_begins_at_base_url(engine: Engine, web: HostileWeb) -> None:
    web.requests.clear()
    html = "<link rel=stylesheet href=style.css><img src=pixel.png alt=x>"
    rendered = render(engine, html, {"style.css": b"p {}"}, base_url=web.url("/dir/../"))
    assert rendered.warnings == []
    assert web.paths == ["/pixel.png"]


def test_a_link_from_a_named_document_to_itself_stays_within_the_pdf(engine: Engine) -> None:
    html = "<a href='p.html#x'>a</a> <a href='../ref/p.html#x'>b</a> <a href='q.html#x'>c</a><p id=x>d"
    assert addresses(render(engine, html, FILES, "ref/p.html")) == ["q.html#x"]


def test_a_base_element_of_a_document_in_a_folder_moves_links(engine: Engine) -> None:
    html = "<base href='../sub/'><a href=page.html>a</a> <a href=../ref/x.html>b</a> <a href=/abs>c</a>"
    assert addresses(render(engine, html, FILES, "ref/p.html")) == ["../sub/page.html", "x.html", "/abs"]


def test_base_url_is_that_of_the_folder_in_which_the_document_stands(engine: Engine, web: HostileWeb) -> None:
    web.requests.clear()
    html = "<img src=pixel.png alt=x><a href=../up.html>a</a> <a href=q.html>b</a>"
    rendered = render(engine, html, FILES, "ref/p.html", base_url=web.url("/dir/../"))
    assert rendered.warnings == []
    assert web.paths == ["/pixel.png"]
    render(engine, "<img src=../pixel.png alt=x>", FILES, "ref/p.html", base_url=web.url("/dir/"))
    assert web.paths == ["/pixel.png", "/pixel.png"]
    rendered = render(engine, html, FILES, "ref/p.html", base_url="https://a.example/docs/ref/")
    assert addresses(rendered) == ["https://a.example/docs/up.html", "https://a.example/docs/ref/q.html"]
