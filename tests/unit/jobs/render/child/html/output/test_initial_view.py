"""The option `initial_view`, looked at in the PDF."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.core.errors.job import PageOutOfRange
from tests.unit.jobs.render.child.html.conftest import Render

DOCUMENT = "<html lang=en><title>T</title><style>@page { size: 100px 200px }</style><p>1<p style='break-before: page'>2"


@pytest.mark.parametrize(
    ("view", "page", "fit"),
    [
        ({"page": 2}, 1, ["/XYZ", 0, 150, 0]),
        ({"zoom": 1.5}, 0, ["/XYZ", 0, 150, 1.5]),
        ({"zoom": "fit_page", "page": 2}, 1, ["/Fit"]),
        ({"zoom": "fit_width"}, 0, ["/FitH", 150]),
    ],
)
def test_the_pdf_opens_at_a_page_and_zoom(
    render: Render, view: dict[str, Any], page: int, fit: list[Any]
) -> None:
    pdf, _ = render(DOCUMENT, initial_view=view)
    opened, *found = pdf.Root.OpenAction
    assert opened.objgen == pdf.pages[page].obj.objgen
    assert [str(found[0]), *map(float, found[1:])] == fit


def test_the_place_to_open_is_scaled_as_the_pages_are(render: Render) -> None:
    pdf, _ = render(DOCUMENT, initial_view={"zoom": "fit_width"}, zoom=2)
    assert float(pdf.Root.OpenAction[2]) == float(pdf.pages[0].mediabox[3]) == 300


@pytest.mark.parametrize(
    ("view", "key", "value"),
    [
        ({"page_mode": "none"}, "/PageMode", "/UseNone"),
        ({"page_mode": "bookmarks"}, "/PageMode", "/UseOutlines"),
        ({"page_mode": "thumbnails"}, "/PageMode", "/UseThumbs"),
        ({"page_mode": "attachments"}, "/PageMode", "/UseAttachments"),
        ({"page_mode": "full_screen"}, "/PageMode", "/FullScreen"),
        ({"page_layout": "single_page"}, "/PageLayout", "/SinglePage"),
        ({"page_layout": "one_column"}, "/PageLayout", "/OneColumn"),
        ({"page_layout": "two_page_left"}, "/PageLayout", "/TwoPageLeft"),
        ({"page_layout": "two_column_right"}, "/PageLayout", "/TwoColumnRight"),
    ],
)
def test_the_window_is_arranged(render: Render, view: dict[str, str], key: str, value: str) -> None:
    pdf, _ = render(DOCUMENT, initial_view=view)
    assert pdf.Root[key] == value
    assert "/OpenAction" not in pdf.Root


@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize("display_title", [False, True])
def test_the_title_is_shown_or_not(render: Render, *, tagged: bool, display_title: bool) -> None:
    pdf, _ = render(DOCUMENT, initial_view={"display_title": display_title}, tagged=tagged)
    assert pdf.Root.ViewerPreferences.DisplayDocTitle == display_title


def test_the_page_is_one_of_those_that_were_kept(render: Render) -> None:
    pdf, _ = render(DOCUMENT, initial_view={"page": 1}, page_ranges="2")
    assert pdf.Root.OpenAction[0].objgen == pdf.pages[0].obj.objgen
    with pytest.raises(PageOutOfRange, match="initial_view opens page 2, and the PDF has 1"):
        render(DOCUMENT, initial_view={"page": 2}, page_ranges="2")


def test_an_empty_view_changes_nothing(render: Render) -> None:
    plain, _ = render(DOCUMENT)
    pdf, _ = render(DOCUMENT, initial_view={})
    assert set(pdf.Root.keys()) == set(plain.Root.keys())
