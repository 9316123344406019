"""Images, form XObjects and graphics states, but for colours and transparency."""

from __future__ import annotations

from collections.abc import Iterator

from pikepdf import Stream

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import member, name
from jobs.render.child.pdf.conformance.variants import Variant

_BITS = {1: (1, 2, 4, 8)}
_MORE_BITS = (1, 2, 4, 8, 16)
_INTENTS = ("RelativeColorimetric", "AbsoluteColorimetric", "Perceptual", "Saturation")


@check({"PDF/A-1": "6.2.4", "PDF/A-2": "6.2.8", "PDF/A-3": "6.2.8", "PDF/A-4": "6.2.7.1"})
def images(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Images are not smoothed, have no alternates and no OPI, and 1, 2, 4, 8 (or 16) bits."""
    for image, page in _xobjects(file, "Image"):
        bits = image.get("/BitsPerComponent")
        if member(image, "/Interpolate") is True:
            yield Problem("an image is to be smoothed (Interpolate)", page)
        if "/Alternates" in image or "/OPI" in image:
            yield Problem("an image has alternates (Alternates, OPI)", page)
        if member(image, "/ImageMask") is True:
            if bits not in (None, 1):
                yield Problem(f"a mask has {bits} bits", page)
        elif bits is not None and bits not in _BITS.get(variant.part, _MORE_BITS):
            yield Problem(f"an image has {bits} bits per component", page)
    for inline, page in file.contents.inline_images:
        if member(inline, "/I") is True or member(inline, "/Interpolate") is True:
            yield Problem("an image is to be smoothed (Interpolate)", page)


@check(
    {
        "PDF/A-1": "6.2.5",
        "PDF/A-2": "6.2.9",
        "PDF/A-3": "6.2.9",
        "PDF/A-4": "6.2.8.2",
        "PDF/UA-1": "7.20",
    }
)
def form_xobjects(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Form XObjects have no PostScript and no reference to another file.

    In PDF/A-1, references are 6.2.6 and PostScript is 6.2.7. PDF/UA-1 forbids references only.
    """
    for form, page in _xobjects(file, "Form"):
        if "/Ref" in form:
            yield Problem("a form XObject refers to another file", page)
        elif variant.is_archive and ("/PS" in form or name(form.get("/Subtype2")) == "PS" or "/OPI" in form):
            yield Problem("a form XObject has PostScript or OPI", page)
    if variant.is_archive:
        for _, page in _xobjects(file, "PS"):
            yield Problem("an XObject is PostScript", page)


@check({"PDF/A-1": "6.2.8", "PDF/A-2": "6.2.5", "PDF/A-3": "6.2.5", "PDF/A-4": "6.2.5"})
def graphics_states(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Graphics states have no transfer functions, and from part 2 on no halftone origin."""
    for state, page in file.contents.states.values():
        key = "/HTO" if variant.standard == "PDF/A-4" else "/HTP"
        if (
            "/TR" in state
            or ("/TR2" in state and name(state.get("/TR2")) != "Default")
            or (variant.part > 1 and key in state)
        ):
            yield Problem("a graphics state changes the output of colours (TR, TR2, HTP)", page)


@check({"PDF/A-1": "6.2.9", "PDF/A-2": "6.2.6", "PDF/A-3": "6.2.6", "PDF/A-4": "6.2.6"})
def rendering_intents(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Rendering intents are those of the specification."""
    states = ((state.get("/RI"), page) for state, page in file.contents.states.values())
    pictures = ((image.get("/Intent"), page) for image, page in _xobjects(file, "Image"))
    for intent, page in (*states, *pictures):
        if intent is not None and name(intent) not in _INTENTS:
            yield Problem(f"there is an unknown rendering intent {name(intent)[:20]}", page)


def _xobjects(file: CheckedFile, subtype: str) -> Iterator[tuple[Stream, int]]:
    for xobject, page in file.contents.xobjects.values():
        if name(xobject.get("/Subtype")) == subtype:
            yield xobject, page


CHECKS: tuple[Check, ...] = (images, form_xobjects, graphics_states, rendering_intents)
