from __future__ import annotations

from typing import Any

from pikepdf import Array, Dictionary, Name, Stream

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import images
from testsupport.conforming import Change, cases, first, problems


def smoothed(pdf: Any) -> None:
    first(pdf, Subtype="Image").Interpolate = True


def alternates(pdf: Any) -> None:
    first(pdf, Subtype="Image").Alternates = Array()


def three_bits(pdf: Any) -> None:
    first(pdf, Subtype="Image").BitsPerComponent = 3


def deep_mask(pdf: Any) -> None:
    image = first(pdf, Subtype="Image")
    image.ImageMask = True
    image.BitsPerComponent = 8


def smoothed_inline(pdf: Any) -> None:
    pdf.pages[0].contents_add(b"BI /W 1 /H 1 /CS /G /BPC 8 /I true ID \0\nEI")


def _draw(pdf: Any, **members: Any) -> None:
    form = Stream(pdf, b"", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 1, 1]), **members)
    pdf.pages[0].obj.Resources.XObject[Name.Odd] = form
    pdf.pages[0].contents_add(b"/Odd Do")


def reference(pdf: Any) -> None:
    _draw(pdf, Ref=Dictionary())


def transfer_function(pdf: Any) -> None:
    pdf.pages[0].obj.Resources.ExtGState[Name.Odd] = Dictionary(TR=Name.Identity)
    pdf.pages[0].contents_add(b"/Odd gs")


def unknown_intent(pdf: Any) -> None:
    first(pdf, Subtype="Image").Intent = Name.Odd


BROKEN: list[tuple[Check, Change]] = [
    (images.images, smoothed),
    (images.images, alternates),
    (images.images, three_bits),
    (images.images, deep_mask),
    (images.images, smoothed_inline),
    (images.form_xobjects, reference),
    (images.graphics_states, transfer_function),
    (images.rendering_intents, unknown_intent),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in images.CHECKS}


def test_postscript_is_found() -> None:
    def postscript(pdf: Any) -> None:
        _draw(pdf, Subtype2=Name.PS)

    assert problems(images.form_xobjects, "pdf/a-2a", postscript)


def test_16_bits_are_allowed_from_part_2_on() -> None:
    def sixteen(pdf: Any) -> None:
        first(pdf, Subtype="Image").BitsPerComponent = 16

    assert problems(images.images, "pdf/a-1a", sixteen)
    assert problems(images.images, "pdf/a-2a", sixteen) == []
