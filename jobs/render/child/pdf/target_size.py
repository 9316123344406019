"""Makes a PDF as small as the option `optimize` asks for, at the cost of its images."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pikepdf
from pikepdf import Name
from PIL import Image

from jobs.render.protocol.warning_codes import WarningCode

Warn = Callable[[WarningCode, str], None]


class _Step(NamedTuple):
    pixels: int
    """The longer side of an image has so many pixels at most."""
    quality: int
    """Of JPEG."""


_STEPS = (_Step(4800, 90), _Step(2400, 80), _Step(1600, 65), _Step(1000, 50))
"""An image as wide as A4 has 580, 290, 195 and 120 dots per inch then. With less, its text could
not be read."""
_COLOR_SPACES: Mapping[object, str] = {Name.DeviceRGB: "RGB", Name.DeviceGray: "L"}
"""Others, such as CMYK, are left as they are: JPEG could change their colours."""


def of_target_size(
    pdf: bytes, options: Mapping[str, Any], finish: Callable[[bytes], bytes], warn: Warn
) -> bytes:
    """Returns the finished PDF, made smaller if it is larger than the options ask for.

    It is made smaller step by step, until it is small enough or there are no more steps.
    """
    finished = finish(pdf)
    target = options.get("optimize", {}).get("target_bytes")
    if target is None or len(finished) <= target:
        return finished
    for smaller in _smaller(pdf):
        finished = min(finish(smaller), finished, key=len)
        if len(finished) <= target:
            return finished
    warn(
        "target_missed",
        f"The PDF has {len(finished):,} bytes, and target_bytes is {target:,}. Its images are as small as is "
        "allowed. Use fewer images, fonts or attachments.",
    )
    return finished


def _smaller(pdf: bytes) -> Iterator[bytes]:
    """Yields the PDF compressed better, and then with smaller and smaller images."""
    yield _rewritten(pdf, None)
    for step in _STEPS:
        yield _rewritten(pdf, step)


def _rewritten(pdf: bytes, step: _Step | None) -> bytes:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        if step is not None:
            for image in list(_images(document)):
                _reduce(image, step)
        written = io.BytesIO()
        document.save(written, recompress_flate=True, deterministic_id=True)
    return written.getvalue()


def _images(document: pikepdf.Pdf) -> Iterator[pikepdf.Stream]:
    """Yields images that are no masks."""
    images = [
        each
        for each in document.objects
        if isinstance(each, pikepdf.Stream) and each.get(Name.Subtype) == Name.Image
    ]
    masks = {image[key].objgen for image in images for key in (Name.SMask, Name.Mask) if key in image}
    for image in images:
        if image.objgen not in masks and image.get(Name.ColorSpace) in _COLOR_SPACES:
            yield image


def _reduce(image: pikepdf.Stream, step: _Step) -> None:
    mode = _COLOR_SPACES[image.ColorSpace]
    if image.get(Name.BitsPerComponent) != 8 or Name.Decode in image:
        return
    picture = pikepdf.PdfImage(image).as_pil_image(apply_mask=False)
    if picture.mode != mode:
        return
    mask = image.get(Name.SMask)
    picture.thumbnail((step.pixels, step.pixels), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    picture.save(written, format="JPEG", quality=step.quality, optimize=True)
    if written.tell() >= len(image.read_raw_bytes()):
        return
    image.write(written.getvalue(), filter=Name.DCTDecode)
    image.Width, image.Height = picture.size
    if isinstance(mask, pikepdf.Stream):
        _reduce_mask(mask, picture.size)


def _reduce_mask(mask: pikepdf.Stream, size: tuple[int, int]) -> None:
    if mask.get(Name.BitsPerComponent) != 8 or int(mask.Width) <= size[0]:
        return
    picture = pikepdf.PdfImage(mask).as_pil_image()
    if picture.mode != "L":
        return
    smaller = picture.resize(size, Image.Resampling.LANCZOS)
    mask.write(smaller.tobytes())
    mask.Width, mask.Height = size
