"""Finds the title of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import weasyprint

from jobs.render.protocol.messages import MAX_TITLE_CHARACTERS

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


def title_of(html: weasyprint.HTML, options: Mapping[str, Any]) -> str | None:
    """Returns the title in the options, the ``<title>``, or the first heading."""
    given = options.get("metadata", {}).get("title")
    if given is not None and _shortened(given):
        return _shortened(given)
    title = next(html.etree_element.iter("title"), None)
    return (None if title is None else _shortened(title.text)) or _first_heading(html)


def _first_heading(html: weasyprint.HTML) -> str | None:
    headings = (element for element in html.etree_element.iter() if element.tag in _HEADINGS)
    texts = (_shortened("".join(_texts(heading))) for heading in headings)
    return next((text for text in texts if text), None)


def _texts(element: Any) -> Iterator[str]:
    """Yields the texts in an element, without comments."""
    if isinstance(element.tag, str):
        yield element.text or ""
        for child in element:
            yield from _texts(child)
            yield child.tail or ""


def _shortened(title: str | None) -> str:
    return " ".join((title or "").split())[:MAX_TITLE_CHARACTERS]
