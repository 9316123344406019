"""Draws check boxes and radio buttons that have no appearances of their own (pikepdf)."""

from __future__ import annotations

import pikepdf
from pikepdf import Dictionary, Name, Object, Stream

from jobs.render.child.pdf.forms.appearances import form_stream
from jobs.render.child.pdf.forms.fields import name_of
from jobs.render.child.pdf.forms.widgets import Look

_CHECK = "0 350 m 300 0 l 750 700 l 330 220 l f"
_CROSS = "80 0 m 375 280 l 670 0 l 750 80 l 460 350 l 750 620 l 670 700 l 375 430 l 80 700 l 0 620 l 290 350 l 0 80 l f"
_DISC = (
    "725 350 m 725 543 568 700 375 700 c 182 700 25 543 25 350 c 25 157 182 0 375 0 c "
    "568 0 725 157 725 350 c f"
)
_SQUARE = "25 0 m 725 0 l 725 700 l 25 700 l f"
_MARKS = {"4": _CHECK, "5": _CROSS, "6": _CROSS, "8": _CROSS, "l": _DISC, "n": _SQUARE}
"""By the character of ZapfDingbats that means the same. Each is 750 wide and 700 high."""


def has_appearance(widget: Object, state: bytes) -> bool:
    appearances = widget.get(Name.AP)
    normal = appearances.get(Name.N) if isinstance(appearances, Dictionary) else None
    return isinstance(normal, Dictionary) and isinstance(normal.get(name_of(state)), Stream)


def draw_button(document: pikepdf.Pdf, widget: Object, state: bytes, look: Look, *, is_round: bool) -> None:
    """Gives the widget an appearance for each of its two states."""
    frame = _frame(look)
    mark = _MARKS.get(look.mark, _DISC if is_round else _CHECK)
    scale = 0.6 * min(look.width / 750, look.height / 700)
    x, y = (look.width - 750 * scale) / 2, (look.height - 700 * scale) / 2
    checked = f"{frame} q {_rgb(look.font.color)} rg {scale:.5f} 0 0 {scale:.5f} {x:.3f} {y:.3f} cm {mark} Q"
    normal = Dictionary(Off=form_stream(document, frame.encode(), look))
    normal[name_of(state)] = form_stream(document, checked.encode(), look)
    widget.AP = Dictionary(N=normal)
    if Name.AS not in widget:
        widget.AS = Name.Off


def _frame(look: Look) -> str:
    parts = []
    if look.background:
        parts.append(f"{_rgb(look.background)} rg 0 0 {look.width:.3f} {look.height:.3f} re f")
    if look.border and look.border_color:
        half = look.border / 2
        size = f"{look.width - look.border:.3f} {look.height - look.border:.3f}"
        parts.append(f"{_rgb(look.border_color)} RG {look.border:.3f} w {half:.3f} {half:.3f} {size} re S")
    return " ".join(["q", *parts, "Q"])


def _rgb(color: str) -> str:
    return " ".join(f"{int(color[at : at + 2], 16) / 255:.3f}" for at in (1, 3, 5))
