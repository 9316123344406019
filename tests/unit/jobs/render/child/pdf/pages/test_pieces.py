from __future__ import annotations

from typing import Any

import pytest

from jobs.core.errors.job import ResultTooLarge
from jobs.render.child.pdf.pages.pieces import Bookmark, pieces
from jobs.render.protocol.page_ranges import BeyondLastPage

CHAPTERS: list[Bookmark] = [("One/two: “x”", 1), ("Two", 3), ("Also two", 3)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"every": 2}, [("pages-001-002.pdf", "1-2"), ("pages-003-004.pdf", "3-4"), ("page-005.pdf", "5")]),
        ({"every": 9}, [("pages-001-005.pdf", "1-5")]),
        ({"ranges": ["4-", "1,1"]}, [("part-001.pdf", "4-"), ("part-002.pdf", "1,1")]),
        (
            {"bookmarks": True},
            [
                ("001.pdf", "1"),
                ("002 One-two- “x”.pdf", "2-3"),
                ("003 Two.pdf", "4"),
                ("004 Also two.pdf", "4-5"),
            ],
        ),
    ],
)
def test_each_page_of_a_pdf_goes_into_its_piece(wanted: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert pieces(wanted, 5, CHAPTERS) == found


def test_a_pdf_without_bookmarks_is_one_piece() -> None:
    assert pieces({"bookmarks": True}, 5, []) == [("001.pdf", "1-5")]


def test_a_long_title_is_shortened_between_letters() -> None:
    (piece,) = pieces({"bookmarks": True}, 1, [("ü" * 200, 0)])
    assert piece.name == f"001 {'ü' * 75}.pdf"


def test_a_page_that_does_not_exist_and_too_many_pieces_are_refused() -> None:
    with pytest.raises(BeyondLastPage):
        pieces({"ranges": ["6"]}, 5, [])
    with pytest.raises(ResultTooLarge, match="501 pieces, and may be into 500"):
        pieces({"every": 1}, 501, [])
