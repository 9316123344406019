"""Renders documents in this process, with the stylesheets that they link."""

from __future__ import annotations

from typing import Any

import weasyprint
from weasyprint.urls import URLFetcher, URLFetcherResponse

from testsupport.framework_stylesheet import framework_stylesheet

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
    """Fetches from a dictionary, `LINKED` unless another is given, with the headers of a server."""

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
    """A document with `css` in a ``<style>``."""
    return f"<!doctype html><html lang=en><title>t</title><style>{css}</style>{body}"


def link(name: str) -> str:
    """A document with a ``<link>`` to one of `LINKED`."""
    return f'<!doctype html><link rel=stylesheet href="https://a.example/{name}.css">{BODY}'


def rendered(document: str, **options: Any) -> bytes:
    """The PDF that WeasyPrint makes of `document`."""
    html = weasyprint.HTML(string=document, base_url="https://a.example/", url_fetcher=Linked())
    pdf = html.write_pdf(**options)
    assert isinstance(pdf, bytes)
    return pdf
