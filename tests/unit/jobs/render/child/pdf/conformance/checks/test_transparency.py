from __future__ import annotations

from typing import Any

from pikepdf import Array, Dictionary, Name, Stream

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import transparency
from testsupport.conforming import Change, cases, first, problems


def _state(pdf: Any, **members: Any) -> None:
    state = Dictionary({f"/{key}": value for key, value in members.items()})
    pdf.pages[0].obj.Resources.ExtGState[Name.Odd] = state
    pdf.pages[0].contents_add(b"/Odd gs")


def half_transparent_fill(pdf: Any) -> None:
    _state(pdf, ca=0.5)


def half_transparent_stroke(pdf: Any) -> None:
    _state(pdf, CA=0.5)


def blend_mode(pdf: Any) -> None:
    _state(pdf, BM=Name.Multiply)


def unknown_blend_mode(pdf: Any) -> None:
    _state(pdf, BM=Name.Odd)


def soft_mask(pdf: Any) -> None:
    _state(pdf, SMask=Dictionary(S=Name.Alpha))


def image_with_mask(pdf: Any) -> None:
    image = first(pdf, Subtype="Image")
    image.SMask = Stream(pdf, b"\0", Subtype=Name.Image, Width=1, Height=1, BitsPerComponent=8)


def page_group(pdf: Any) -> None:
    pdf.pages[0].obj.Group = Dictionary(S=Name.Transparency)


def group(pdf: Any) -> None:
    form = Stream(
        pdf, b"", Subtype=Name.Form, BBox=Array([0, 0, 1, 1]), Group=Dictionary(S=Name.Transparency)
    )
    pdf.pages[0].obj.Resources.XObject[Name.Odd] = form
    pdf.pages[0].contents_add(b"/Odd Do")


def without_colour_space(pdf: Any) -> None:
    del pdf.Root.OutputIntents
    half_transparent_fill(pdf)


BROKEN: list[tuple[Check, Change]] = [
    (transparency.no_transparency, half_transparent_fill),
    (transparency.no_transparency, half_transparent_stroke),
    (transparency.no_transparency, blend_mode),
    (transparency.no_transparency, soft_mask),
    (transparency.no_transparency, image_with_mask),
    (transparency.no_transparency, group),
    (transparency.no_transparency, page_group),
    (transparency.transparency, unknown_blend_mode),
    (transparency.transparency, without_colour_space),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in transparency.CHECKS}


def test_transparency_is_allowed_from_part_2_on() -> None:
    for change in (half_transparent_fill, blend_mode, soft_mask, image_with_mask, group):
        assert problems(transparency.transparency, "pdf/a-2a", change) == []
