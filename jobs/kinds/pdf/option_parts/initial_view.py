"""How PDF readers show the PDF when they open it. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from jobs.kinds.pdf.values import PdfVariant, Strict, one_error, standards_of
from jobs.kinds.validation import problem

Zoom = Annotated[float, Field(ge=0.1, le=10)] | Literal["fit_page", "fit_width"]


_ACCESSIBLE = frozenset({"pdf/ua-1", "pdf/ua-2"})


class InitialView(Strict):
    """What PDF readers show first. They may ignore it, and browsers ignore most of it."""

    page: Annotated[int | None, Field(ge=1, description="The page to open, counted from 1.")] = None
    zoom: Annotated[
        Zoom | None,
        one_error('a number from 0.1 to 10 (1 is the true size), "fit_page" or "fit_width"'),
        Field(description="`fit_page`, `fit_width`, or a factor: 1 is the true size."),
    ] = None
    page_layout: Annotated[
        Literal[
            "single_page",
            "one_column",
            "two_page_left",
            "two_page_right",
            "two_column_left",
            "two_column_right",
        ]
        | None,
        Field(
            description="One page or two beside each other, and whether pages scroll in a column. "
            "`…_right` puts odd pages to the right, as in a book with a cover."
        ),
    ] = None
    page_mode: Annotated[
        Literal["none", "bookmarks", "thumbnails", "attachments", "full_screen"] | None,
        Field(description="What is shown beside the page; or the page alone, on the full screen."),
    ] = None
    display_title: Annotated[
        bool | None,
        Field(
            description="The title of the document is the title of the window, instead of the file name. "
            "Default: only if the PDF is tagged."
        ),
    ] = None


def view_contradictions(view: InitialView | None, pdf_variant: PdfVariant | None) -> list[dict[str, str]]:
    """Returns an error for each contradiction."""
    if view is None or view.display_title is not False or _ACCESSIBLE.isdisjoint(standards_of(pdf_variant)):
        return []
    return [problem("/options/initial_view/display_title", f"{pdf_variant} always shows the title")]
