"""What a document refers to is found wherever the renderer would fetch it, and nothing else is."""

from __future__ import annotations

import pytest

from api.cli.client.references import in_css, in_html, in_markdown, local_path


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<link rel='Stylesheet' href=a.css>", ["a.css"]),
        ("<link rel=icon href=a.ico><link rel=attachment href=a.xml>", ["a.xml"]),
        ("<img src=a.png srcset='b.png 1x, c.png 2x'>", ["a.png", "b.png", "c.png"]),
        ("<picture><source srcset=a.webp><img src='a b.png'></picture>", ["a.webp", "a b.png"]),
        ("<embed src=a.svg><object data=b.svg></object>", ["a.svg", "b.svg"]),
        ("<svg><image href=a.png /><image xlink:href=b.png /></svg>", ["a.png", "b.png"]),
        ("<style>@import 'a.css'; p { background: url(b.png) }</style><p>url(c.png)", ["a.css", "b.png"]),
        ("<p style='background: url(&quot;a.png&quot;)'>", ["a.png"]),
        ("<body background=a.png>", ["a.png"]),
        ("<a href=page.html>x</a><a rel=attachment href=a.pdf>y</a>", ["a.pdf"]),
        ("<script src=a.js></script><iframe src=b.html></iframe><video src=c.mp4></video>", []),
        ("<script>'<img src=a.png>'</script><!-- <img src=b.png> -->", []),
        ("<base href=../img/><img src=a.png><img src=/b.png>", ["../img/a.png", "/b.png"]),
        ("<base href=https://example.com/><img src=a.png>", ["https://example.com/a.png"]),
        ("<img src=//[x>", []),
    ],
)
def test_html(html: str, found: list[str]) -> None:
    assert [each for each in in_html(html) if "[" not in each] == found


@pytest.mark.parametrize(
    ("css", "found"),
    [
        ("@import 'a.css' print; @import url(b.css); @import url('c.css')", ["a.css", "b.css", "c.css"]),
        ("@font-face { font-family: 'x'; src: local('y'), url( 'a.woff2' ) format('woff2') }", ["a.woff2"]),
        ("@media print { p { background: linear-gradient(red, url(a.png)) } }", ["a.png"]),
        ("/* url(no.png) */ p { content: 'url(no.png)' } @import/**/'a.css'", ["a.css"]),
        (r"p { background: url(a\20 b.png) }", ["a b.png"]),
        ("p { background: url(bad(url.png", []),
        ("{" * 3000, []),
    ],
)
def test_css(css: str, found: list[str]) -> None:
    assert sorted(in_css(css)) == found


def test_markdown() -> None:
    assert in_markdown("![a](a.png) [b](b.md) <img src=c.png>\n\n```\n![d](d.png)\n```") == ["a.png", "c.png"]


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("a%20b.png?v=1#x", "a b.png"),
        (" ../a.png ", "../a.png"),
        ("/a.png", "/a.png"),
        ("#x", None),
        ("?x", None),
        ("", None),
        ("https://example.com/a.png", None),
        ("//example.com/a.png", None),
        ("data:image/png;base64,AA", None),
        ("file:///etc/passwd", None),
        ("a%00b", None),
        ("http://[x", None),
    ],
)
def test_only_paths_lead_to_files(reference: str, path: str | None) -> None:
    assert local_path(reference) == path
