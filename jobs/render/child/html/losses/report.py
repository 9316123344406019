"""Tells what a document has lost, as warnings."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol
from xml.etree.ElementTree import Element

import weasyprint

from jobs.render.child.html.fonts.configuration import Fonts
from jobs.render.child.html.fonts.replaced import names_font, split
from jobs.render.child.html.losses import formulas, images, svg
from jobs.render.child.html.losses.drawn import Drawn, DrawnImage, look_at
from jobs.render.child.html.losses.elements import ElementNames
from jobs.render.child.html.losses.fonts import Fallbacks, unused
from jobs.render.child.html.losses.missing import BoxTree
from jobs.render.child.html.losses.scripts import needs_scripts
from jobs.render.protocol.warning_codes import WarningCode

_MM = 25.4 / 96


class Add(Protocol):
    """Adds a warning (`Diagnostics.add`)."""

    def __call__(
        self,
        code: WarningCode,
        message: str,
        *,
        key: Any = None,
        url: str | None = None,
        element: str | None = None,
        page: int | None = None,
    ) -> None: ...


@contextmanager
def checking(add: Add) -> Iterator[None]:
    """Makes an error of a check a warning: no document fails because of what is told about it."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever the check stumbles over)
        add("render_warning", f"What the document has lost could not be found out ({type(error).__name__}).")


class Losses:
    """Finds what one document has lost, and adds warnings."""

    def __init__(self, add: Add) -> None:
        self._add = add
        self._boxes = BoxTree()
        self._drawn = Drawn()

    def following(self) -> AbstractContextManager[None]:
        """Follows the layout of the document, up to `look_at_pages`."""
        return self._boxes.in_use()

    def look_at_pages(
        self,
        root: Element,
        whole: weasyprint.Document,
        document: weasyprint.Document,
        *,
        scale: float,
        may_be_oversized: bool,
    ) -> None:
        """Tells all but what fonts lack. Writing the PDF changes SVG images, so it comes later.

        Args:
            root: the element of the document.
            whole: the finished layout.
            document: the same, or those of its pages that are drawn.
            scale: by which it is drawn.
            may_be_oversized: whether the pixels of images are all kept.
        """
        with checking(self._add):
            self._root, self._names = root, ElementNames(root)
            watched = formulas.STRUCTURES if formulas.has_formulas(root) else ()
            drawn = self._drawn = look_at(document.pages, watched)
            all_drawn = drawn if document is whole else look_at(whole.pages)
            self._tell_scripts(all_drawn)
            self._tell_cuts(scale)
            self._tell_missing(all_drawn, document)
            self._boxes.forget()
            self._tell_formulas()
            self._tell_svg()
            for image in drawn.images.values():
                self._tell_image(image, scale * _MM, may_be_oversized)
            for number in drawn.empty_pages:
                message = f"Page {number} is empty, but for its header and footer."
                self._add("page_empty", message, page=number)

    def look_at_fonts(self, used: Collection[Any], fonts: Fonts) -> None:
        """Tells what fonts lack. `used` are those of the PDF that has been written."""
        with checking(self._add):
            for family in unused(fonts.own_families, used):
                message = f'No text is drawn in the font "{family}", which an @font-face loads.'
                self._add("font_unused", message)
            texts = {split(families): found for families, found in self._drawn.texts.items()}
            if not any(map(names_font, texts)):
                return
            fallbacks = Fallbacks(used)
            for stack, characters in texts.items():
                if names_font(stack):
                    for found in fallbacks.of_stack(stack, characters, fonts):
                        self._add("font_fallback", found.describe(stack), key=(found.script, found.font))

    def _tell_scripts(self, drawn: Drawn) -> None:
        if needs_scripts(self._root, drawn.letters, drawn.pictures):
            self._add(
                "needs_scripts",
                "The document has scripts, which are not run, and next to no content without them. Send the "
                "document as it is after the scripts have run.",
            )

    def _tell_cuts(self, scale: float) -> None:
        for key, cut in self._drawn.cuts.found.items():
            name = self._names.of_box(cut.box)
            for _ in range(cut.pages):
                self._add("content_cut", cut.describe(name, scale), key=key, element=name, page=cut.page)

    def _tell_missing(self, drawn: Drawn, document: weasyprint.Document) -> None:
        for box, what in self._boxes.missing(self._root, drawn):
            page = _page_of(box.element, document)
            if page is None:
                continue
            name = self._names.of_box(box)
            self._add(
                "content_cut",
                f"{name} does not fit on its page, and {what} is missing. Make it a block without height, "
                "float or position, so that it goes on on the next page.",
                element=name,
                page=page,
            )

    def _tell_formulas(self) -> None:
        for box, page in formulas.plain_formulas(self._drawn.watched).items():
            tag = box.element_tag.removeprefix(formulas.MATHML)
            self._add(
                "formula_unsupported",
                f"MathML with <{tag}> is drawn as plain text. Send formulas as SVG or as HTML (KaTeX).",
                key=tag,
                element=self._names.of_box(box),
                page=page,
            )

    def _tell_svg(self) -> None:
        for image, box, page in self._drawn.svg_images.values():
            root = image._svg.tree._etree_node
            name = self._names.of_box(box)
            if svg.has_lost_text(root):
                message = f"Text in a <foreignObject> of {name} is not drawn. Use <text> instead."
                self._add("svg_text_missing", message, element=name, page=page)
            if lost := svg.lost_filters(root):
                message = f"{name} uses SVG filters that are not drawn: {', '.join(lost)}."
                self._add("svg_filter_ignored", message, element=name, page=page)

    def _tell_image(self, drawn: DrawnImage, mm: float, may_be_oversized: bool) -> None:
        pixels = (drawn.image.width, drawn.image.height)
        size = (drawn.width * mm, drawn.height * mm)
        if not all(size):
            return
        named = {
            "key": drawn.image.id,
            "url": drawn.url if drawn.url[:5].lower() != "data:" else None,
            "element": self._names.of_box(drawn.box),
            "page": drawn.page,
        }
        shown = f"{pixels[0]} × {pixels[1]} pixels on {size[0]:.0f} × {size[1]:.0f} mm"
        if drawn.smooth and images.is_coarse(pixels, size):
            self._add(
                "image_low_resolution",
                f"An image has {max(images.dpi(pixels, size)):.0f} dpi: {shown}. In print it looks blurred.",
                **named,
            )
        elif may_be_oversized and images.is_oversized(pixels, size):
            self._add(
                "image_oversized",
                f"An image has {min(images.dpi(pixels, size)):.0f} dpi: {shown}. The option image_dpi makes "
                "the PDF smaller.",
                **named,
            )


def _page_of(element: Element, document: weasyprint.Document) -> int | None:
    """Returns the number of the first page with a box of the element."""
    for number, page in enumerate(document.pages, 1):
        if any(box.element is element for box in page._page_box.descendants(placeholders=True)):
            return number
    return None
