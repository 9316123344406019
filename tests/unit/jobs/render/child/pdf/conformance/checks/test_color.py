from __future__ import annotations

from typing import Any

from pikepdf import Array, Dictionary, Name, Stream

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import color
from testsupport.conforming import Change, cases, first, problems


def no_output_intent(pdf: Any) -> None:
    del pdf.Root.OutputIntents


def cmyk_text(pdf: Any) -> None:
    pdf.pages[0].contents_add(b"0 0 0 1 k 0 0 9 9 re f")


def cmyk_image(pdf: Any) -> None:
    first(pdf, Subtype="Image").ColorSpace = Name.DeviceCMYK


def cmyk_alternate(pdf: Any) -> None:
    space = Array([Name.Separation, Name.Gold, Name.DeviceCMYK, Dictionary()])
    pdf.pages[0].obj.Resources.ColorSpace[Name.Gold] = space
    pdf.pages[0].contents_add(b"/Gold cs 1 scn")


def cmyk_inline_image(pdf: Any) -> None:
    pdf.pages[0].contents_add(b"BI /W 1 /H 1 /CS /CMYK /BPC 8 ID \0\0\0\0\nEI")


def _profile(header: bytes) -> bytes:
    return b"\0" * 8 + header + b"\0" * 104


def input_profile(pdf: Any) -> None:
    intent = pdf.Root.OutputIntents[0]
    intent.DestOutputProfile = Stream(pdf, _profile(b"\x02\x10\0\0scnrRGB "), N=3)


def two_profiles(pdf: Any) -> None:
    other = Stream(pdf, pdf.Root.OutputIntents[0].DestOutputProfile.read_bytes(), N=3)
    intent = Dictionary(pdf.Root.OutputIntents[0])
    intent.DestOutputProfile = other
    pdf.Root.OutputIntents.append(intent)


def wrong_components(pdf: Any) -> None:
    profile = Stream(pdf, pdf.Root.OutputIntents[0].DestOutputProfile.read_bytes(), N=4)
    pdf.pages[0].obj.Resources.ColorSpace[Name.Odd] = Array([Name.ICCBased, profile])
    pdf.pages[0].contents_add(b"/Odd cs")


def damaged_profile(pdf: Any) -> None:
    space = Array([Name.ICCBased, Stream(pdf, b"no profile", N=3)])
    pdf.pages[0].obj.Resources.ColorSpace[Name.Odd] = space
    pdf.pages[0].contents_add(b"/Odd CS")


BROKEN: list[tuple[Check, Change]] = [
    (color.output_intent, input_profile),
    (color.output_intent, two_profiles),
    (color.device_colors, no_output_intent),
    (color.device_colors, cmyk_text),
    (color.device_colors, cmyk_image),
    (color.device_colors, cmyk_alternate),
    (color.device_colors, cmyk_inline_image),
    (color.icc_profiles, wrong_components),
    (color.icc_profiles, damaged_profile),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in color.CHECKS}


def test_a_default_colour_space_takes_the_place_of_a_device_colour() -> None:
    def calibrated(pdf: Any) -> None:
        profile = Stream(pdf, pdf.Root.OutputIntents[0].DestOutputProfile.read_bytes(), N=3)
        pdf.pages[0].obj.Resources.ColorSpace[Name.DefaultCMYK] = Array([Name.ICCBased, profile])
        cmyk_text(pdf)

    assert problems(color.device_colors, "pdf/a-2a", calibrated) == []
