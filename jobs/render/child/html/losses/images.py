"""Judges the resolution of images: too few pixels for the size on paper, or too many.

Pure. Resolutions are in pixels per inch of paper.
"""

from __future__ import annotations

LEAST_DPI = 100
"""Below this, single pixels can be seen in print."""
MOST_DPI = 600
"""Twice of what printers show of a photograph."""
_SMALL_MM = 10
"""Pixels of icons do not disturb."""
_SPACER_PIXELS = 8
"""Images that are smaller are stretched to lines and areas."""
_LARGE_PIXELS = 1_000_000
"""Below this, an image adds little to a PDF, whatever its resolution."""
_MM_PER_INCH = 25.4


def is_coarse(pixels: tuple[int, int], millimetres: tuple[float, float]) -> bool:
    """Tells whether an image has less than `LEAST_DPI` in both directions."""
    return (
        min(pixels) >= _SPACER_PIXELS
        and min(millimetres) >= _SMALL_MM
        and max(dpi(pixels, millimetres)) < LEAST_DPI
    )


def is_oversized(pixels: tuple[int, int], millimetres: tuple[float, float]) -> bool:
    """Tells whether an image has more than `MOST_DPI` in both directions, and many pixels."""
    return (
        pixels[0] * pixels[1] >= _LARGE_PIXELS
        and min(millimetres) > 0
        and min(dpi(pixels, millimetres)) > MOST_DPI
    )


def dpi(pixels: tuple[int, int], millimetres: tuple[float, float]) -> tuple[float, float]:
    """Returns the resolution in both directions."""
    return (
        pixels[0] / millimetres[0] * _MM_PER_INCH,
        pixels[1] / millimetres[1] * _MM_PER_INCH,
    )
