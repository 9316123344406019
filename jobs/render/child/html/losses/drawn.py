"""Looks at all that is drawn on the finished pages of a document, once.

The time of this is about one hundredth of that of a render, so it does as little as possible for
each box.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from weasyprint.formatting_structure.boxes import (
    InlineBox,
    LineBox,
    MarginBox,
    ReplacedBox,
    TableBox,
    TextBox,
)
from weasyprint.images import RasterImage, SVGImage
from weasyprint.layout.absolute import AbsolutePlaceholder
from weasyprint.layout.replaced import replacedbox_layout

from jobs.render.child.html.losses.cuts import Cuts
from jobs.render.child.html.losses.regions import Region, page_region

_LINE_END = 2
"""How many characters a line may lose at its end: a space, and a line break."""
_IMAGE_SIZE = 100
Stack = tuple[str, ...]

_SOME = 2.0
"""In pixels. Less is visible of texts that are for screen readers only."""


@dataclass(slots=True)
class DrawnImage:
    """A raster image, as large as it is drawn anywhere."""

    image: Any
    box: Any
    url: str
    page: int
    width: float
    """In CSS pixels, as is `height`."""
    height: float
    smooth: bool


@dataclass(slots=True)
class Drawn:
    """What is drawn on the pages of a document."""

    letters: int = 0
    """How many characters of text, without headers and footers of pages."""
    pictures: int = 0
    empty_pages: list[int] = field(default_factory=list)
    cuts: Cuts = field(default_factory=Cuts)
    images: dict[str, DrawnImage] = field(default_factory=dict)
    svg_images: dict[int, tuple[Any, Any, int]] = field(default_factory=dict)
    """Each SVG image with the box and the number of the first page that has it."""
    texts: dict[Stack, dict[str, Any]] = field(default_factory=dict)
    """For each font stack, a text with each character that is not ASCII."""
    sizes: dict[Element, int] = field(default_factory=dict)
    """How much of each element is drawn, at least as `size_of` tells it for all of its boxes."""
    outside: set[Element] = field(default_factory=set)
    """The elements that are placed outside of the pages."""
    watched: list[tuple[Any, int]] = field(default_factory=list)
    """The boxes of the elements to watch, and their pages."""


def size_of(box: Any) -> int:
    """Returns the number of characters of a text, or of those that an image counts for."""
    if type(box) is TextBox:
        return 0 if box.text.isspace() else len(box.text)
    return _IMAGE_SIZE if isinstance(box, ReplacedBox) else 0


def look_at(pages: Collection[Any], watched: Collection[str] = ()) -> Drawn:
    """Returns what is drawn on `pages` of a `weasyprint.Document`.

    Args:
        pages: all pages, laid out.
        watched: the tags of the elements whose visible boxes are wanted.
    """
    look = _Look(watched)
    for number, page in enumerate(pages, 1):
        look.at_page(page._page_box, number)
    return look.drawn


class _Look:
    def __init__(self, watched: Collection[str]) -> None:
        self.drawn = Drawn()
        self._watched = watched
        self._path: list[Any] = []
        self._page = 0
        self._has_content = False

    def at_page(self, page: Any, number: int) -> None:
        drawn = self.drawn
        self._page = number
        self._has_content = _is_designed(page)
        region = page_region(page)
        for background in (page.background, page.canvas_background):
            if background is not None:
                self._note_background(background, page, region)
        self._path = [page]
        for box in page.children:
            if not isinstance(box, MarginBox):
                self._at_box(box, region)
        if not self._has_content and not page.page_type.blank:
            drawn.empty_pages.append(number)
        letters, pictures = drawn.letters, drawn.pictures
        for box in page.children:
            if isinstance(box, MarginBox):
                self._at_box(box, region)
        drawn.letters, drawn.pictures = letters, pictures

    def _at_children(self, parent: Any, region: Region) -> None:
        path = self._path
        path.append(parent)
        for box in parent.children:
            kind = type(box)
            if kind is TextBox:
                self._at_text(box, region)
            elif kind is LineBox:
                self._at_children(box, region)
            else:
                self._at_box(box, region)
        path.pop()

    def _at_text(self, box: Any, region: Region) -> None:
        text = box.text
        if not text or text.isspace():
            return
        sizes, element = self.drawn.sizes, box.element
        sizes[element] = sizes.get(element, 0) + len(text) + _LINE_END
        if not region.visible:
            return
        style = box.style
        if style["visibility"] != "visible":
            return
        self._has_content = True
        self.drawn.letters += len(text)
        if not text.isascii():
            known = self.drawn.texts.setdefault(style["font_family"], {})
            for character in set(text).difference(known):
                known[character] = box
        x = box.position_x
        if (
            x < region.leftmost
            or x + box.width > region.rightmost
            or box.position_y + box.baseline > region.lowest
        ):
            self.drawn.cuts.look_at_text(box, region, self._path, self._page)

    def _at_box(self, box: Any, region: Region) -> None:
        if type(box) is AbsolutePlaceholder:
            box = box._box
        style = box.style
        if not isinstance(box, InlineBox):
            region = self._inside(box, style, region)
        if not self._has_content and region.visible:
            self._has_content = _is_decorated(box)
        if self._watched and region.visible and box.element_tag in self._watched:
            self.drawn.watched.append((box, self._page))
        if box.background is not None and region.visible:
            self._note_background(box.background, box, region)
        if isinstance(box, ReplacedBox):
            self._at_image(box, region)
        elif box.children:
            if isinstance(box, TableBox) and region.in_flow:
                self.drawn.cuts.look_at_table(box, region, self._path, self._page)
            if style["overflow"] != "visible":
                region = region.clipped_by(box, len(self._path) + 1)
            self._at_children(box, region)

    def _inside(self, box: Any, style: Any, region: Region) -> Region:
        """Returns the region in which the box itself is drawn."""
        if style["transform"] and box.transformation_matrix is not None:
            region = region.transformed_by(box.transformation_matrix, len(self._path))
        position, depth, opacity = style["position"], style["z_index"], style["opacity"]
        if opacity < 1 or (depth != "auto" and depth < 0):  # a watermark, or a decoration
            region = region.without_edges(visible=opacity > 0)
        if position == "static" and style["float"] == "none":
            return region
        if region.excludes(box):
            self.drawn.outside.add(box.element)
            return region.without_edges()
        if position in ("absolute", "fixed"):
            region = region.placed()
            if style["clip"]:
                region = region.without_edges(visible=not _hides(style["clip"]))
        return region

    def _at_image(self, box: Any, region: Region) -> None:
        if box.element is not None:
            self.drawn.sizes[box.element] = _IMAGE_SIZE
        if not (region.visible and box.width and box.height and box.style["visibility"] == "visible"):
            return
        self._has_content = True
        self.drawn.pictures += 1
        if region.in_flow:
            self.drawn.cuts.look_at_image(box, region, self._path, self._page)
        width, height = box.width, box.height
        if box.style["object_fit"] != "fill":
            width, height, _, _ = replacedbox_layout(box)
        url = box.element.get("src") or box.element.get("data") or "" if box.element is not None else ""
        self._note_image(box.replacement, box, region, url, width, height)

    def _note_background(self, background: Any, box: Any, region: Region) -> None:
        for layer, (_, url) in zip(background.layers, background.style["background_image"], strict=False):
            if isinstance(layer.image, RasterImage | SVGImage):
                self.drawn.pictures += 1
                width, height = layer.size
                _, _, painted_width, painted_height = layer.painting_area
                if layer.repeat == ("no-repeat", "no-repeat") or (
                    width >= painted_width and height >= painted_height
                ):
                    self._note_image(layer.image, box, region, url, width, height)

    def _note_image(
        self, image: Any, box: Any, region: Region, url: str, width: float, height: float
    ) -> None:
        if isinstance(image, SVGImage):
            self.drawn.svg_images.setdefault(id(image), (image, box, self._page))
        elif isinstance(image, RasterImage):
            width, height = width * region.scale, height * region.scale
            smooth = box.style["image_rendering"] == "auto"
            known = self.drawn.images.get(image.id)
            if known is None:
                self.drawn.images[image.id] = DrawnImage(image, box, url, self._page, width, height, smooth)
            elif width > known.width:
                known.width, known.height, known.box, known.page = width, height, box, self._page


def _is_designed(page: Any) -> bool:
    """Tells whether the page itself has a background of its own, such as that of a cover.

    The colour of ``<html>`` or ``<body>`` is on every page and does not count.
    """
    backgrounds = [each for each in (page.background, page.canvas_background) if each is not None]
    if any(layer.image is not None for background in backgrounds for layer in background.layers):
        return True
    color = page.background.color
    return bool(color.alpha) and tuple(color.to("srgb").coordinates) != (1, 1, 1)


def _is_decorated(box: Any) -> bool:
    """Tells whether something of the box itself is drawn: borders, a background, an outline."""
    if box.background is not None or box.style["outline_width"]:
        return True
    if isinstance(box, TableBox) and box.style["border_collapse"] == "collapse":
        borders = itertools.chain.from_iterable(itertools.chain.from_iterable(box.collapsed_border_grid))  # type: ignore[attr-defined]
        return any(width for _, (_, width, _) in borders)
    return bool(
        box.border_top_width or box.border_right_width or box.border_bottom_width or box.border_left_width
    )


def _hides(clip: tuple[Any, ...]) -> bool:
    """Tells whether ``clip`` leaves nothing, as for texts that are for screen readers only."""
    top, right, bottom, left = clip
    width = _SOME if right == "auto" else right - (0 if left == "auto" else left)
    height = _SOME if bottom == "auto" else bottom - (0 if top == "auto" else top)
    return bool(min(width, height) < _SOME)
