"""Transparency: forbidden in PDF/A-1, restricted in the other parts."""

from __future__ import annotations

from collections.abc import Iterator

from pikepdf import Dictionary, Name

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import items, member, name, number, words
from jobs.render.child.pdf.conformance.variants import Variant

_BLEND_MODES = words(
    "Normal Compatible Multiply Screen Overlay Darken Lighten ColorDodge ColorBurn HardLight SoftLight "
    "Difference Exclusion Hue Saturation Color Luminosity"
)
_OPAQUE = frozenset({"Normal", "Compatible"})
_TOLERANCE = 1e-6
_HOW = "use opaque colours and images, or PDF/A-2 or later"


@check({"PDF/A-1": "6.4"})
def no_transparency(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Nothing is transparent: no soft masks, alpha below 1, blend modes, transparency groups."""
    for state, page in file.contents.states.values():
        mask = state.get("/SMask")
        if mask is not None and name(mask) != "None":
            yield Problem(f"a soft mask makes something partly transparent: {_HOW}", page)
        if _has_alpha(state):
            yield Problem(f"something is partly transparent, such as by opacity: {_HOW}", page)
        if any(name(mode) not in _OPAQUE for mode in items(state.get("/BM"))):
            yield Problem(f"a blend mode mixes colours: {_HOW}", page)
    for xobject, page in file.contents.xobjects.values():
        mask = xobject.get("/SMask")
        if mask is not None and name(mask) != "None":
            yield Problem(f"an image is partly transparent: {_HOW}", page)
        if name(member(xobject.get("/Group"), "/S")) == "Transparency":
            yield Problem(f"a group is transparent, such as by opacity: {_HOW}", page)
    for page, each in enumerate(file.document.pages, 1):
        if name(member(each.obj, "/Group", "/S")) == "Transparency":
            yield Problem(f"the page is a transparency group: {_HOW}", page)


@check({"PDF/A-2": "6.2.10", "PDF/A-3": "6.2.10", "PDF/A-4": "6.2.9"})
def transparency(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Blend modes are standard; an output intent or the page has a colour space for mixing."""
    for state, page in file.contents.states.values():
        for mode in items(state.get("/BM")):
            if not isinstance(mode, Name) or name(mode) not in _BLEND_MODES:
                yield Problem(f"there is an unknown blend mode {name(mode)[:20]}", page)
    if any(name(member(each, "/S")) == "GTS_PDFA1" for each in items(file.root.get("/OutputIntents"))):
        return
    pages = list(file.document.pages)
    for page in sorted(_transparent_pages(file)):
        if member(pages[page - 1].obj, "/Group", "/CS") is None:
            yield Problem("the page has transparency, and nothing says in which colour space", page)


def _has_alpha(state: Dictionary) -> bool:
    values = (number(state.get(key, 1)) for key in ("/CA", "/ca"))
    return any(value is None or abs(value - 1) > _TOLERANCE for value in values)


def _transparent_pages(file: CheckedFile) -> set[int]:
    states = (
        page
        for state, page in file.contents.states.values()
        if _has_alpha(state)
        or name(state.get("/SMask", Name("/None"))) != "None"
        or any(name(mode) not in _OPAQUE for mode in items(state.get("/BM")))
    )
    xobjects = (
        page
        for xobject, page in file.contents.xobjects.values()
        if "/SMask" in xobject or name(member(xobject.get("/Group"), "/S")) == "Transparency"
    )
    return {*states, *xobjects}


CHECKS: tuple[Check, ...] = (no_transparency, transparency)
