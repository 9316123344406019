"""Reads values of PDF objects that may be absent or of a wrong type (pikepdf)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

_MAX_TREE_DEPTH = 50
"""Deeper name and number trees are no trees of a writer, but cycles."""


def words(text: str) -> frozenset[str]:
    """Returns the words of a text, which lists names of the PDF specification."""
    return frozenset(text.split())


def dictionary(value: Any) -> Dictionary | None:
    """Returns the dictionary, or that of the stream; None for anything else."""
    if isinstance(value, Stream):
        return value.stream_dict
    return value if isinstance(value, Dictionary) else None


def member(value: Any, *keys: str) -> Any:
    """Returns what lies at these keys of dictionaries, one inside the other; None if nothing."""
    for key in keys:
        if not isinstance(value, Dictionary | Stream):
            return None
        value = value.get(key)
    return value


def name(value: Any) -> str:
    """Returns the name without its slash; the empty text for anything else."""
    return str(value)[1:] if isinstance(value, Name) else ""


def items(value: Any) -> list[Any]:
    """Returns the items of an array, one for anything else, and none for None."""
    if value is None:
        return []
    return list(value) if isinstance(value, Array) else [value]


def number(value: Any) -> float | None:
    """Returns the number; None for anything else."""
    if isinstance(value, bool) or value is None or isinstance(value, pikepdf.Object):
        return None
    return float(value)


def identity(value: pikepdf.Object) -> object:
    """Returns what is equal for the same object."""
    return value.objgen if value.is_indirect else value.unparse()


def tree_items(root: Any, leaves: str, depth: int = _MAX_TREE_DEPTH) -> Iterator[tuple[Any, Any]]:
    """Yields the keys and values of a name tree (`/Names`) or a number tree (`/Nums`)."""
    if dictionary(root) is None or not depth:
        return
    found = items(root.get(leaves))
    yield from zip(found[::2], found[1::2], strict=False)
    for kid in items(root.get("/Kids")):
        yield from tree_items(kid, leaves, depth - 1)
