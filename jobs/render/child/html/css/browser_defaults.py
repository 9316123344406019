"""What browsers do with documents by default, and WeasyPrint does not.

The styles are in ``browser_defaults.css``. Styles of the document and of the options override them.

Old HTML, as word processors and e-mail programs write it, is read in "quirks mode". What matters on
paper is that a paragraph at the edge of a table cell has no margin there (Quirks Mode Standard,
section 3.8). Else such tables are twice as high.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

_DOCTYPE = re.compile(r"(?:\s|<!--.*?-->|<\?.*?\?>|\ufeff)*<!doctype\s+html\b([^>]*)>", re.I | re.S)
_OLD = re.compile(
    r"-//(?:w3c|ietf)//dtd (?:html 3|html 2|html//|html 4\.0(?:1)? (?:transitional|frameset))", re.I
)
_MAX_HEAD_CHARACTERS = 4096
_WITH_MARGINS = frozenset(
    (
        *("blockquote", "dir", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "listing", "menu", "ol", "p"),
        *("plaintext", "pre", "ul", "xmp"),
    )
)


@cache
def stylesheet() -> str:
    return (files(__package__) / "browser_defaults.css").read_text("utf-8")


def is_quirky(text: str | bytes) -> bool:
    """Tells whether browsers read the document in quirks mode (HTML, section 13.2.6.4.1)."""
    head = text[:_MAX_HEAD_CHARACTERS]
    doctype = _DOCTYPE.match(head.decode("utf-8", "replace") if isinstance(head, bytes) else head)
    if doctype is None:
        return True
    has_system_id = "http" in doctype[1].lower()
    return _OLD.search(doctype[1]) is not None and not (has_system_id and "4.01" in doctype[1])


def mark_margins(tree: Any) -> None:
    """Marks elements at the edge of a cell, for the stylesheet."""
    for name in ("td", "th"):
        for cell in tree.iter(name):
            children = list(cell)
            if not children:
                continue
            first, last = children[0], children[-1]
            places: dict[Any, list[str]] = {}
            if first.tag in _WITH_MARGINS and not (cell.text or "").strip():
                places.setdefault(first, []).append("first")
            if last.tag in _WITH_MARGINS and not (last.tail or "").strip():
                places.setdefault(last, []).append("last")
            for element, words in places.items():
                element.set("data-quirk", " ".join(words))
