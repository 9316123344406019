"""Replaces the functions of WeasyPrint that know about pages and stylesheets of a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import weasyprint.css
import weasyprint.layout
import weasyprint.layout.page

find_stylesheets: Callable[..., Iterator[Any]] = weasyprint.css.find_stylesheets
make_margin_boxes: Callable[..., Iterator[Any]] = weasyprint.layout.make_margin_boxes  # type: ignore[attr-defined]
set_page_styles: Callable[..., None] = weasyprint.layout.page.set_page_type_computed_styles


@contextmanager
def replaced(
    *,
    stylesheets: Callable[..., Iterator[Any]],
    margin_boxes: Callable[..., Iterator[Any]],
    page_styles: Callable[..., None],
) -> Iterator[None]:
    """Makes WeasyPrint call these instead of the functions above."""
    weasyprint.css.find_stylesheets = stylesheets
    weasyprint.layout.make_margin_boxes = margin_boxes  # type: ignore[attr-defined]
    weasyprint.layout.page.set_page_type_computed_styles = page_styles
    try:
        yield
    finally:
        weasyprint.css.find_stylesheets = find_stylesheets
        weasyprint.layout.make_margin_boxes = make_margin_boxes  # type: ignore[attr-defined]
        weasyprint.layout.page.set_page_type_computed_styles = set_page_styles
