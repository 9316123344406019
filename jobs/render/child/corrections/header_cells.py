"""Header cells are centred, unless the text of the table is aligned (HTML, section 15.3.8)."""

from __future__ import annotations

from typing import Any

from weasyprint.css import StyleFor

_set_computed_styles: Any = StyleFor.set_computed_styles


def apply() -> None:
    StyleFor.set_computed_styles = _with_alignment  # type: ignore[method-assign, assignment]


def _with_alignment(
    self: StyleFor, element: Any, parent: Any, root: Any = None, pseudo_type: Any = None, **named: Any
) -> None:
    _set_computed_styles(self, element, parent, root, pseudo_type, **named)
    if pseudo_type is None and getattr(element, "tag", None) == "th" and parent is not None:
        style = self._computed_styles[element, None]
        if "text_align_all" not in style.cascaded and style.parent_style["text_align_all"] == "start":
            style["text_align_all"] = "center"
