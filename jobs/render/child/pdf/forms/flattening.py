"""Makes form fields part of their pages (pikepdf): nobody can fill them in any more."""

from __future__ import annotations

import math

import pikepdf
from pikepdf import Array, Dictionary, Matrix, Name, Object, Stream

from jobs.render.child.pdf.forms.widgets import numbers
from jobs.render.child.pdf.pages.frames import add_drawing

_HIDDEN, _NO_VIEW = 1 << 1, 1 << 5
"""Flags of an annotation (ISO 32000-2, table 167)."""


def flatten(document: pikepdf.Pdf, *, only_forms: bool = True) -> None:
    """Draws all widgets into their pages, and removes the form.

    Other annotations stay, or are drawn and removed, too, if it is not `only_forms`.
    """
    for page in document.pages:
        annotations = page.obj.get(Name.Annots)
        if not isinstance(annotations, Array):
            continue
        listed = list(annotations)
        flat = [each for each in listed if _is_widget(each) or not only_forms]
        if not flat:
            continue
        drawn = [content for each in flat if (content := _drawn(page, each))]
        if drawn:
            page.contents_add(b"q", prepend=True)
            page.contents_add(b"Q\n" + b"\n".join(drawn))
        others = [each for each in listed if only_forms and not _is_widget(each)]
        if others:
            page.obj.Annots = Array(others)
        else:
            del page.obj.Annots
    if Name.AcroForm in document.Root:
        del document.Root.AcroForm


def _is_widget(annotation: object) -> bool:
    return isinstance(annotation, Dictionary) and annotation.get(Name.Subtype) == Name.Widget


def _drawn(page: pikepdf.Page, annotation: object) -> bytes | None:
    """Returns the content that draws the appearance of an annotation; None if it shows none."""
    if not isinstance(annotation, Dictionary) or annotation.get(Name.Subtype) == Name.Popup:
        return None
    flags = annotation.get(Name.F, 0)
    appearance = _appearance(annotation)
    if appearance is None or (isinstance(flags, int) and flags & (_HIDDEN | _NO_VIEW)):
        return None
    matrix = _placed(appearance, numbers(annotation.get(Name.Rect)))
    if matrix is None:
        return None
    appearance.Type, appearance.Subtype = Name.XObject, Name.Form
    name = add_drawing(page, appearance)
    return f"q {matrix} cm {name} Do Q".encode()


def _appearance(widget: Object) -> Object | None:
    appearances = widget.get(Name.AP)
    normal = appearances.get(Name.N) if isinstance(appearances, Dictionary) else None
    if isinstance(normal, Stream):
        return normal
    state = widget.get(Name.AS)
    if not isinstance(normal, Dictionary) or not isinstance(state, Name):
        return None
    chosen = normal.get(state)
    return chosen if isinstance(chosen, Stream) else None


def _placed(appearance: Object, rectangle: list[float]) -> str | None:
    """Returns the matrix from the appearance to its rectangle (ISO 32000-2, 12.5.5)."""
    box = numbers(appearance.get(Name.BBox))
    own = numbers(appearance.get(Name.Matrix)) or [1, 0, 0, 1, 0, 0]
    if len(box) != 4 or len(own) != 6 or len(rectangle) != 4:
        return None
    corners = [Matrix(*own).transform((x, y)) for x in (box[0], box[2]) for y in (box[1], box[3])]
    left, bottom = (min(float(corner[axis]) for corner in corners) for axis in (0, 1))
    right, top = (max(float(corner[axis]) for corner in corners) for axis in (0, 1))
    x1, x2 = sorted((rectangle[0], rectangle[2]))
    y1, y2 = sorted((rectangle[1], rectangle[3]))
    if right == left or top == bottom:
        return None
    across, up = (x2 - x1) / (right - left), (y2 - y1) / (top - bottom)
    if not (math.isfinite(across) and math.isfinite(up)):
        return None
    return f"{across:.6f} 0 0 {up:.6f} {x1 - left * across:.4f} {y1 - bottom * up:.4f}"
