import pytest
from weasyprint.css.computed_values import PAGE_SIZES

from jobs.kinds.pdf.paper import NAMED_SIZES, contradiction, length_mm, paper

MM = {"mm": 1.0, "in": 25.4}


def test_named_sizes_are_those_of_weasyprint() -> None:
    theirs = {
        name: (width.value * MM[width.unit], height.value * MM[height.unit])
        for name, (width, height) in PAGE_SIZES.items()
    }
    ours = {name: (sheet.width, sheet.height) for name, sheet in NAMED_SIZES.items()}
    assert ours.keys() == theirs.keys()
    for name, size in theirs.items():
        assert ours[name] == pytest.approx(size)


@pytest.mark.parametrize(
    ("length", "millimetres"),
    [
        ("0", 0),
        ("15mm", 15),
        ("1.5cm", 15),
        ("1in", 25.4),
        ("72pt", 25.4),
        ("6pc", 25.4),
        ("96px", 25.4),
        ("4Q", 1),
    ],
)
def test_absolute_lengths_are_converted_to_millimetres(length: str, millimetres: float) -> None:
    assert length_mm(length) == pytest.approx(millimetres)


@pytest.mark.parametrize(
    "length", ["", "15", "-1mm", "1 mm", "10%", "1em", "mm", "1e3mm", "calc(1mm)", "6000mm", "1mm;}", "¹mm"]
)
def test_other_lengths_are_refused(length: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        length_mm(length)


def test_a_size_is_a_name_or_one_or_two_lengths() -> None:
    assert (paper("A4").width, paper("A4").height) == (210, 297)
    assert paper("letter").turned().width == pytest.approx(279.4)
    assert (paper("100mm 5in").width, paper("100mm 5in").height) == (100, 127)
    assert (paper("80mm").width, paper("80mm").height) == (80, 80)


@pytest.mark.parametrize("size", ["", "A11", "A4 landscape", "1mm 2mm 3mm", "0 10mm", "red", "10mm }"])
def test_other_sizes_are_refused(size: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        paper(size)


def test_margins_that_leave_no_room_are_contradictions() -> None:
    assert contradiction(paper("A4"), {"left": "104mm", "right": "105mm"}) is None
    assert contradiction(paper("A4"), {"left": "105mm", "right": "105mm"}) == (
        "left and right margin together are as wide as the page"
    )
    assert contradiction(paper("A4").turned(), {"top": "210mm"}) == (
        "top and bottom margin together are as high as the page"
    )
