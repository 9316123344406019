"""Tells whether a document is made by scripts, which are not run."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

_FEW_LETTERS = 60
"""As many as "Please wait while the application is loading" has, and less than a short letter."""
_TYPES = re.compile(r"(|module|(text|application)/(x-)?(java|ecma)script(1\.\d)?)", re.IGNORECASE)
"""The types of scripts that a browser runs (HTML, 4.12.1)."""
_WRITES = re.compile(r"document\s*[.\[]|innerHTML|\bimport\b|\bcreateApp\b|\brender\b")
"""What a script has that makes content. Many only call `print()`, or count visitors."""
_MOUNTS = frozenset({"div", "main", "section", "article", "span", "figure", "tbody", "ul"})
"""Elements that scripts fill."""


def needs_scripts(root: Element, letters: int, pictures: int) -> bool:
    """Tells whether a document with scripts has next to nothing without them.

    Args:
        root: the element of the document.
        letters: how many characters of text are drawn.
        pictures: how many images.
    """
    if pictures or not any(map(_makes_content, root.iter("script"))):
        return False
    letters -= _letters_of(root, "noscript")
    return letters <= 0 or (letters <= _FEW_LETTERS and any(map(_is_mount, root.iter())))


def _makes_content(script: Element) -> bool:
    if not _TYPES.fullmatch((script.get("type") or "").strip()):
        return False
    return bool((script.get("src") or "").strip() or _WRITES.search(script.text or ""))


def _is_mount(element: Element) -> bool:
    """Tells whether scripts may fill the element: it is empty, or scripts define its tag."""
    tag = element.tag
    if not isinstance(tag, str):
        return False
    if "-" in tag and "{" not in tag:
        return True
    is_empty = not len(element) and not (element.text or "").strip()
    return tag in _MOUNTS and is_empty and element.get("id") is not None


def _letters_of(root: Element, tag: str) -> int:
    """Returns how many characters the elements with this tag have: for browsers without scripts."""
    return sum(len(" ".join("".join(element.itertext()).split())) for element in root.iter(tag))
