"""Options of `pdf.merge` about its pages: stamps, sheets with several pages, splitting. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from jobs.kinds.pdf.paper import length_mm, paper
from jobs.kinds.pdf.values import Length, Pages, Strict, paper_size
from jobs.render.protocol.limits import MAX_PIECES

_POINTS_PER_MM = 72 / 25.4


class Stamp(Strict):
    """A text over pages, such as their numbers."""

    text: Annotated[
        str,
        Field(
            min_length=1,
            max_length=300,
            pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]+$",
            description="`{page}` is the number of the page, `{pages}` that of the last one.",
        ),
    ]
    position: Annotated[
        Literal[
            "top-left",
            "top-center",
            "top-right",
            "center-left",
            "center",
            "center-right",
            "bottom-left",
            "bottom-center",
            "bottom-right",
        ]
        | None,
        Field(description="Default: `bottom-center`."),
    ] = None
    margin: Annotated[Length | None, Field(description="From the edges of the page. Default: `10mm`.")] = None
    font_size: Annotated[float | None, Field(ge=1, le=100, description="In points. Default: 9.")] = None
    color: Annotated[str | None, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="Default: `#000000`.")] = (
        None
    )
    opacity: Annotated[float | None, Field(gt=0, le=1, description="Default: 1.")] = None
    pages: Annotated[
        Pages | None,
        Field(description="The pages of the merged PDF that get it, such as `2-`. Default: all."),
    ] = None
    start: Annotated[
        int | None,
        Field(ge=0, le=1_000_000, description="Number of the first page that gets it. Default: its place."),
    ] = None


class Imposition(Strict):
    """Puts several pages on each sheet: either `n_up`, or a `booklet`."""

    n_up: Annotated[
        Literal[2, 3, 4, 6, 8, 9, 12, 16] | None, Field(description="Pages on each sheet, row by row.")
    ] = None
    booklet: Annotated[
        Literal[True] | None,
        Field(
            description="Two pages on each side of a sheet, in the order for printing on both sides, folding in the "
            "middle, and stapling."
        ),
    ] = None
    sheet_size: Annotated[
        str | None,
        Field(
            max_length=40,
            description="Such as `A4`. It lies or stands as the pages are largest. Default: that of the first page.",
        ),
        AfterValidator(lambda size: None if size is None else paper_size(size)),
    ] = None
    gap: Annotated[
        Length | None,
        Field(description="Between pages, and between pages and the edges of the sheet. Default: none."),
    ] = None
    right_to_left: Annotated[
        bool | None, Field(description="Pages go from right to left; a booklet has its back on the right.")
    ] = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.n_up is None) == (self.booklet is None):
            raise ValueError("give either n_up or booklet")
        return self


class Split(Strict):
    """Makes several PDFs of the merged one: exactly one of these."""

    every: Annotated[int | None, Field(ge=1, le=100_000, description="So many pages in each.")] = None
    ranges: Annotated[
        list[Pages] | None,
        Field(min_length=1, max_length=MAX_PIECES, description="Pages of each, such as `1-3` and `4-`."),
    ] = None
    bookmarks: Annotated[
        Literal[True] | None, Field(description="One for each bookmark of the highest level.")
    ] = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(each is not None for each in (self.every, self.ranges, self.bookmarks)) != 1:
            raise ValueError("give exactly one of every, ranges and bookmarks")
        return self


def in_points(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options as a render child wants them: with lengths of `Imposition` in points."""
    if "imposition" not in options:
        return dict(options)
    imposition = dict(options["imposition"])
    if "sheet_size" in imposition:
        sheet = paper(imposition.pop("sheet_size"))
        imposition["sheet"] = [sheet.width * _POINTS_PER_MM, sheet.height * _POINTS_PER_MM]
    if "gap" in imposition:
        imposition["gap"] = length_mm(imposition["gap"]) * _POINTS_PER_MM
    return {**options, "imposition": imposition}
