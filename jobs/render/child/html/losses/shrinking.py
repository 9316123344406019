"""Lays a document out at a smaller scale if it is too wide for its pages (`shrink_to_fit`).

The document is laid out on larger pages, and these are drawn smaller by as much. So the pages keep
their size and their margins, and lines are filled as on any page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import weasyprint
import weasyprint.layout.page
from weasyprint.css.properties import Dimension

from jobs.render.child.html.losses.cuts import Cut
from jobs.render.child.html.losses.drawn import look_at

LEAST_SCALE = 0.5
"""Smaller text cannot be read. Browsers stop there, too."""
_LAYOUTS = 3
"""How often a document is laid out again. The room that content needs may depend on the scale."""
_ENOUGH = 0.995
"""What counts as less room needed, and as another scale."""

_SIDES = ("top", "right", "bottom", "left")
_LENGTHS = (
    *(f"{name}_{side}" for name in ("margin", "bleed") for side in _SIDES),
    *("width", "height", "min_width", "min_height", "max_width", "max_height"),
)
"""Properties of pages that would change the size of the paper and its margins."""


class Fitted(NamedTuple):
    document: weasyprint.Document
    scale: float
    """By which the document has to be drawn. 1 if it fits, or nothing helps."""


def fit(
    first: weasyprint.Document, html: weasyprint.HTML, lay_out: Callable[[], weasyprint.Document]
) -> Fitted:
    """Returns the layout at the largest scale at which nothing is cut off sideways.

    Content that is too wide at every scale, such as a table of ``width: 120%``, has no effect.

    Args:
        first: the layout at full scale, which is returned if nothing is cut off.
        html: the document. Others that are laid out with it, as headers are, stay as they are.
        lay_out: lays the document out again.
    """
    wide = _sideways(first)
    if not wide:
        return Fitted(first, 1)
    best, tried = Fitted(first, 1), 1.0
    scale = _bounded(1 / max(cut.needed for cut in wide.values()))
    for _ in range(_LAYOUTS):
        with _pages_enlarged(html, 1 / scale):
            document = lay_out()
        left = _sideways(document)
        wanted = {
            key: scale / left[key].needed if key in left else 1 / cut.needed
            for key, cut in wide.items()
            if key not in left or left[key].needed < cut.needed * _ENOUGH
        }
        if not wanted:
            return best
        best, tried = Fitted(document, scale), scale
        scale = _bounded(min(wanted.values()))
        if not left or _ENOUGH < scale / tried < 1 / _ENOUGH:
            break
    return best


def _sideways(document: weasyprint.Document) -> Mapping[Any, Cut]:
    found = look_at(document.pages).cuts.found
    return {key: cut for key, cut in found.items() if cut.is_sideways}


def _bounded(scale: float) -> float:
    return max(LEAST_SCALE, min(1.0, scale))


@contextmanager
def _pages_enlarged(enlarged: weasyprint.HTML, factor: float) -> Iterator[None]:
    """Makes WeasyPrint lay out pages whose sizes and margins are larger by a factor."""
    set_page_styles = weasyprint.layout.page.set_page_type_computed_styles

    def set_styles(page_type: Any, html: Any, style_for: Any) -> None:
        set_page_styles(page_type, html, style_for)  # type: ignore[no-untyped-call]
        if html is not enlarged:
            return
        style = style_for(page_type)
        style["size"] = tuple(length * factor for length in style["size"])
        for name in _LENGTHS:
            if isinstance(value := style[name], Dimension) and value.unit == "px":
                style[name] = Dimension(value.value * factor, "px")

    weasyprint.layout.page.set_page_type_computed_styles = set_styles
    try:
        yield
    finally:
        weasyprint.layout.page.set_page_type_computed_styles = set_page_styles
