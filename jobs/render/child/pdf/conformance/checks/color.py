"""Colour spaces and output intents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pikepdf import Array, Name, Stream

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import identity, items, member, name
from jobs.render.child.pdf.conformance.variants import Variant

_DEVICE_SPACES = {"DeviceRGB": "RGB ", "DeviceCMYK": "CMYK", "DeviceGray": ""}
"""The colour space of the output intent that each needs; any for gray (ICC.1, table 19)."""
_SHORT_NAMES = {"RGB": "DeviceRGB", "CMYK": "DeviceCMYK", "G": "DeviceGray"}
"""In inline images (ISO 32000-1, table 94)."""
_COMPONENTS = {"GRAY": 1, "RGB ": 3, "Lab ": 3, "CMYK": 4}
_OUTPUT_CLASSES = frozenset({"prtr", "mntr"})
_INPUT_CLASSES = _OUTPUT_CLASSES | {"scnr", "spac"}
_MAX_DEPTH = 8


@check({"PDF/A-1": "6.2.2", "PDF/A-2": "6.2.3", "PDF/A-3": "6.2.3", "PDF/A-4": "6.2.3"})
def output_intent(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """The profile of an output intent is that of a monitor or printer, and there is one only."""
    profiles = _profiles(file)
    for profile in profiles:
        device, space, version = _header(profile)
        if device not in _OUTPUT_CLASSES or space not in ("RGB ", "CMYK", "GRAY"):
            yield Problem("the profile of the output intent is not that of a monitor or printer")
        elif version >= _too_new(variant):
            yield Problem(f"the profile of the output intent has version {version} of ICC")
    if len({identity(profile) for profile in profiles}) > 1:
        yield Problem("the output intents have different profiles")


@check({"PDF/A-1": "6.2.3.3", "PDF/A-2": "6.2.4.3", "PDF/A-3": "6.2.4.3", "PDF/A-4": "6.2.4.3"})
def device_colors(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Device colours fit the output intent, or a default colour space replaces them."""
    profiles = _profiles(file)
    space = _header(profiles[0])[1] if profiles else None
    for used, page in sorted(_device_spaces(file, variant)):
        needed = _DEVICE_SPACES[used]
        if space is None:
            yield Problem(f"{used} is used, and no output intent says what it looks like", page)
        elif needed and space != needed:
            yield Problem(
                f"{used} is used, but the output intent is {space.strip()}: give all colours, and images, in "
                f"{space.strip()}",
                page,
            )


@check({"PDF/A-1": "6.2.3.2", "PDF/A-2": "6.2.4.2", "PDF/A-3": "6.2.4.2", "PDF/A-4": "6.2.4.2"})
def icc_profiles(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Profiles of colour spaces have a fitting class, version and number of components."""
    for space, page in _spaces(file):
        if isinstance(space, Array) and len(space) > 1 and name(space[0]) == "ICCBased":
            device, kind, version = _header(space[1])
            if device not in _INPUT_CLASSES or kind not in _COMPONENTS or version >= _too_new(variant):
                yield Problem("a colour profile is none that the standard allows", page)
            elif member(space[1], "/N") != _COMPONENTS[kind]:
                yield Problem("a colour profile has another number of components", page)


def _profiles(file: CheckedFile) -> list[Stream]:
    return [
        profile
        for intent in items(file.root.get("/OutputIntents"))
        if name(member(intent, "/S")) == "GTS_PDFA1"
        and isinstance(profile := member(intent, "/DestOutputProfile"), Stream)
    ]


def _header(profile: Any) -> tuple[str, str, float]:
    """Returns device class, colour space and version of an ICC profile (ICC.1, 7.2)."""
    data = profile.read_bytes()[:24] if isinstance(profile, Stream) else b""
    if len(data) < 24:
        return "", "", 0
    return data[12:16].decode("latin-1"), data[16:20].decode("latin-1"), data[8] + (data[9] >> 4) / 10


def _too_new(variant: Variant) -> int:
    """Returns the first version of ICC that came too late for the standard."""
    return 3 if variant.standard == "PDF/A-1" else 5


def _device_spaces(file: CheckedFile, variant: Variant) -> set[tuple[str, int]]:
    """Returns the device colour spaces that are used, each with the first page of its use."""
    first: dict[str, int] = {}
    for space, page in _spaces(file):
        used = _SHORT_NAMES.get(name(space), name(space))
        if used in _DEVICE_SPACES:
            first[used] = min(page, first.get(used, page))
    return set(first.items())


def _spaces(file: CheckedFile) -> Iterator[tuple[Any, int]]:
    """Yields all colour spaces that the content uses, also those inside others."""
    contents = file.contents
    uses = [
        *contents.color_spaces,
        *((shading.get("/ColorSpace"), page, resources) for shading, page, resources in contents.shadings),
        *((image.get("/CS", image.get("/ColorSpace")), page, None) for image, page in contents.inline_images),
    ]
    for space, page, resources in uses:
        yield from ((each, page) for each in _within(space, resources, _MAX_DEPTH))


def _within(space: Any, resources: Any, depth: int) -> Iterator[Any]:
    """Yields a colour space, and those that it is based on, unless a default replaces it."""
    if space is None or not depth:
        return
    if isinstance(space, Name):
        default = member(resources, "/ColorSpace", f"/{name(space).replace('Device', 'Default')}")
        if name(space) in _DEVICE_SPACES and default is not None:
            space = default
    yield space
    if isinstance(space, Array) and len(space):
        kind = name(space[0])
        if kind in ("Indexed", "I", "Pattern") and len(space) > 1:
            yield from _within(space[1], resources, depth - 1)
        elif kind in ("Separation", "DeviceN") and len(space) > 2:
            yield from _within(space[2], resources, depth - 1)


CHECKS: tuple[Check, ...] = (output_intent, device_colors, icc_profiles)
