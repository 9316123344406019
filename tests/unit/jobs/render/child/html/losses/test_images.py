"""Which images are told to have too few pixels, or too many."""

from __future__ import annotations

import pytest

from tests.unit.jobs.render.child.html.losses.conftest import Warned
from testsupport.pictures import png_url


def image(pixels: tuple[int, int], style: str) -> str:
    return f"<p>x<img style='{style}' src='{png_url(*pixels)}'>"


def test_an_image_with_few_pixels_for_its_size_is_told(warned: Warned) -> None:
    (warning,) = warned(image((150, 75), "width: 100mm"))
    assert warning == {
        "code": "image_low_resolution",
        "message": "An image has 38 dpi: 150 × 75 pixels on 100 × 50 mm. In print it looks blurred.",
        "element": "<img> (element 5)",
        "page": 1,
    }


def test_an_image_with_far_more_pixels_than_its_size_needs_is_told(warned: Warned) -> None:
    large = image((2000, 1000), "width: 20mm")
    (warning,) = warned(large)
    assert warning["code"] == "image_oversized"
    assert warning["message"].startswith("An image has 2540 dpi: 2000 × 1000 pixels on 20 × 10 mm. ")
    assert warned(large, image_dpi=300) == []


def test_the_largest_place_of_an_image_counts(warned: Warned) -> None:
    assert warned(image((2000, 1000), "width: 20mm") + image((2000, 1000), "width: 150mm")) == []
    (warning,) = warned(image((150, 75), "width: 12mm; height: 6mm") + image((150, 75), "width: 100mm"))
    assert "on 100 × 50 mm" in warning["message"]


def test_the_zoom_of_the_page_counts(warned: Warned) -> None:
    assert warned(image((300, 300), "width: 50mm")) == []
    assert len(warned(image((300, 300), "width: 50mm"), zoom=2)) == 1


def test_a_background_counts_if_it_is_drawn_once(warned: Warned) -> None:
    box = "<div style='width: 100mm; height: 100mm; background: url({}) {}'>x</div>"
    assert [each["code"] for each in warned(box.format(png_url(50, 50), "0 0 / cover"))] == [
        "image_low_resolution"
    ]
    assert warned(box.format(png_url(50, 50), "repeat")) == []


@pytest.mark.parametrize(
    ("pixels", "style"),
    [
        ((16, 16), "width: 16px"),
        ((1, 1), "width: 100mm; height: 100mm"),
        ((1000, 2), "width: 190mm; height: 90mm"),
        ((90, 90), "width: 100mm; image-rendering: pixelated"),
        ((600, 300), "width: 100mm"),
        ((900, 900), "width: 10mm"),
        ((150, 75), "width: 100mm; visibility: hidden"),
        ((600, 600), "width: 100mm; height: 300mm; object-fit: contain"),
    ],
)
def test_icons_lines_pixel_graphics_and_fitting_images_are_not_told(
    warned: Warned, pixels: tuple[int, int], style: str
) -> None:
    assert [each for each in warned(image(pixels, style)) if each["code"].startswith("image")] == []
