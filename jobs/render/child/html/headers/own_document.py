"""Makes a document of the HTML of a header or footer.

It is a document of its own, so that it and the main document cannot disturb each other. Its pages
are as large as those of the main document, and have nothing but the header in their margin, where
WeasyPrint puts it by the CSS for running elements (CSS Generated Content for Paged Media, 1.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import weasyprint

from jobs.render.child.html.headers.sheet import Sheet
from jobs.render.child.html.headers.variants import Place, Variant

_HEADER = "pressrun-header"
_PAGE = "pressrun-page"
_SHOWS = "pressrun-shows"
_SHEET = "pressrun-sheet"
_COUNTERS = {"page": "page", "pageNumber": "page", "pages": "pages", "totalPages": "pages"}
"""Counters by the classes that stand for them, which are also those of Chromium."""
_TITLE = "title"
_NEIGHBOURS = ("left", "right")

_UNBROKEN = "break-before: auto; break-after: auto; break-inside: auto; page: auto"
_PLAIN = (
    "position: static; top: auto; right: auto; bottom: auto; left: auto; float: none; width: auto; height: auto; "
    "min-width: 0; min-height: 0; max-width: none; max-height: none; margin: 0; padding: 0; border: 0; "
    "columns: auto; overflow: visible; transform: none; " + _UNBROKEN
)


def _important(declarations: str) -> str:
    return "; ".join(f"{declaration.strip()} !important" for declaration in declarations.split(";"))


_STYLESHEET = f"""
html, body {{ {_important("display: block; " + _PLAIN)} }}
{_HEADER} {{ {_important(_PLAIN + "; display: flow-root; position: running(" + _HEADER + ")")} }}
{_HEADER} * {{ {_important(_UNBROKEN)} }}
{_PAGE} {{ {_important(_PLAIN + "; display: block")} }}
{_PAGE} + {_PAGE} {{ break-before: page !important }}
html::before, html::after, body::before, body::after, {_PAGE}::before, {_PAGE}::after,
{_HEADER}::before, {_HEADER}::after {{ content: none !important }}
{_HEADER} > :first-child {{ margin-top: 0 }}
{_HEADER} > :last-child {{ margin-bottom: 0 }}
[{_SHOWS}=page]::before {{ content: counter(page) }}
[{_SHOWS}=pages]::before {{ content: counter(pages) }}
"""


class OwnDocument:
    """The document of one variant."""

    def __init__(self, variant: Variant, main: weasyprint.HTML, title: str) -> None:
        """`title` is that of the main document."""
        self.variant = variant
        self.html = weasyprint.HTML(
            string=variant.html,
            base_url=main.base_url,
            url_fetcher=main.url_fetcher,
            media_type=main.media_type,
        )
        self.html.base_url = main.base_url
        root = self.html.etree_element
        found = root.find("body")
        body = Element("body") if found is None else found
        root[:] = [*root.iterfind("head"), body]  # without a <frameset>
        self._body = body
        _inherit(root, main.etree_element)
        _inherit(body, main.etree_element.find("body"))
        self._header = _wrapped(body)
        for element in self._header.iter():
            _fill(element, title)

    def with_pages(self, sheets: Sequence[Sheet]) -> str:
        """Gives the document a page for each sheet, and returns the stylesheet for them."""
        self._body[:] = [self._header]
        numbers: dict[Sheet, int] = {}
        for sheet in sheets:
            number = numbers.setdefault(sheet, len(numbers))
            SubElement(self._body, _PAGE, {_SHEET: str(number)})
        rules = [_rules(number, sheet, self.variant.place) for sheet, number in numbers.items()]
        return _STYLESHEET + "".join(rules)


def _inherit(element: Element, main: Element | None) -> None:
    """Adds the attributes of the same element of the main document that styles may depend on."""
    for name in ("class", "style"):
        joined = [each.get(name) for each in (main, element) if each is not None and each.get(name)]
        if joined:
            element.set(name, ("; " if name == "style" else " ").join(filter(None, joined)))
    for name in ("lang", "dir", "id"):
        inherited = None if main is None else main.get(name)
        if inherited is not None and element.get(name) is None:
            element.set(name, inherited)


def _wrapped(body: Element) -> Element:
    """Moves all that is in the body into one element, and returns that."""
    header = Element(_HEADER)
    header.text, body.text = body.text, None
    header.extend(list(body))
    body[:] = [header]
    return header


def _fill(element: Any, title: str) -> None:
    """Makes an empty element show what its class names."""
    if not isinstance(element.tag, str) or len(element) or (element.text or "").strip():
        return
    for name in (element.get("class") or "").split():
        if name in _COUNTERS:
            element.set(_SHOWS, _COUNTERS[name])
        elif name == _TITLE:
            element.text = title


def _rules(number: int, sheet: Sheet, place: Place) -> str:
    neighbours = "".join(f"@{place}-{side} {{ content: none !important }} " for side in _NEIGHBOURS)
    return (
        f"[{_SHEET}='{number}'] {{ page: sheet-{number} !important }} "
        f"@page sheet-{number} {{ size: {sheet.width}px {sheet.height}px; "
        f"margin: {sheet.top}px {sheet.right}px {sheet.bottom}px {sheet.left}px; {neighbours}"
        f"@{place}-center {{ content: element({_HEADER}); width: 100%; vertical-align: middle }} }}\n"
    )
