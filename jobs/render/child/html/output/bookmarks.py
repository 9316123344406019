"""Leaves out the deeper levels of bookmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weasyprint

_Tree = list[tuple[Any, ...]]
"""Of ``(label, target, children, state)``, as WeasyPrint makes it."""


def limit(document: weasyprint.Document, depth: int) -> None:
    """Makes `document` write `depth` levels of bookmarks at most."""
    make: Callable[..., _Tree] = document.make_bookmark_tree

    def limited(*arguments: Any, **named: Any) -> _Tree:
        return _cut(make(*arguments, **named), depth)

    document.make_bookmark_tree = limited  # type: ignore[method-assign]


def _cut(tree: Sequence[tuple[Any, ...]], depth: int) -> _Tree:
    if depth == 0:
        return []
    return [(label, target, _cut(children, depth - 1), state) for label, target, children, state in tree]
