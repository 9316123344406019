"""Where things are on a page as people see it: cropped and rotated (pikepdf)."""

from __future__ import annotations

from dataclasses import dataclass

import pikepdf
from pikepdf import Dictionary, Name, Object


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of a page that is shown. Sizes are in points."""

    left: float
    bottom: float
    across: float
    up: float
    """Its size before it is rotated."""
    rotation: int
    """0, 90, 180 or 270 degrees, clockwise."""

    @property
    def width(self) -> float:
        return self.up if self.rotation in (90, 270) else self.across

    @property
    def height(self) -> float:
        return self.across if self.rotation in (90, 270) else self.up

    def matrix(self) -> str:
        """Returns the matrix from places on the page as it is shown to places in its content."""
        turned = turning(self.rotation, self.width, self.height)
        return f"1 0 0 1 {self.left:.3f} {self.bottom:.3f} cm {' '.join(f'{part:.3f}' for part in turned)} cm"


def turning(degrees: int, width: float, height: float) -> list[float]:
    """Returns the matrix that turns a box counter-clockwise, and keeps its lower left at 0."""
    matrices = {
        0: [1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        90: [0.0, 1.0, -1.0, 0.0, height, 0.0],
        180: [-1.0, 0.0, 0.0, -1.0, width, height],
        270: [0.0, -1.0, 1.0, 0.0, 0.0, width],
    }
    return matrices[degrees]


def frame(page: pikepdf.Page) -> Frame:
    left, bottom, right, top = _box(page.cropbox)
    outer = _box(page.mediabox)
    left, bottom = max(left, outer[0]), max(bottom, outer[1])
    right, top = min(right, outer[2]), min(top, outer[3])
    if right <= left or top <= bottom:
        left, bottom, right, top = outer
    rotation = page.obj.get(Name.Rotate, 0)
    degrees = int(rotation) % 360 if isinstance(rotation, int) else 0
    return Frame(left, bottom, right - left, top - bottom, degrees if degrees % 90 == 0 else 0)


def _box(corners: Object) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(corner) for corner in corners)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def draw_over(page: pikepdf.Page, drawing: Object, matrix: str) -> None:
    """Draws a form XObject over what the page shows."""
    name = add_drawing(page, drawing)
    page.contents_add(b"q", prepend=True)
    page.contents_add(f"Q q {matrix} {name} Do Q".encode())


def add_drawing(page: pikepdf.Page, drawing: Object) -> Name:
    """Adds a form XObject to the resources of the page, under a name that is the same each time."""
    taken = page.resources.get(Name.XObject, Dictionary())
    number = len(taken)
    while f"/Drawing{number}" in taken:
        number += 1
    return page.add_resource(drawing, Name.XObject, Name(f"/Drawing{number}"))
