"""Changes a finished PDF: stamps, sheets of several pages, watermark, encryption, linearisation."""

from __future__ import annotations

import html
import io
import math
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import pikepdf
from pikepdf import Object

from jobs.render.child.pdf.pages.drawings import LayOut, named
from jobs.render.child.pdf.pages.frames import draw_over, frame
from jobs.render.child.pdf.pages.imposition import impose
from jobs.render.child.pdf.pages.stamping import stamp
from jobs.render.protocol.warning_codes import WarningCode

Warn = Callable[[WarningCode, str], None]
"""Takes a code and a message."""

LAST_STEPS = frozenset({"encrypt", "linearize"})
STEPS = frozenset({"stamps", "imposition", "watermark"}) | LAST_STEPS
"""The options that this module performs."""

_PERMISSIONS = {
    "print": ("print_lowres", "print_highres"),
    "modify": ("modify_other",),
    "copy": ("extract",),
    "annotate": ("modify_annotation",),
    "fill_forms": ("modify_form",),
    "assemble": ("modify_assembly",),
}
_CHARACTER_WIDTH = 0.62
"""Average width of a character of bold sans-serif, in font sizes."""
_LARGEST_POINTS = 144


def _ignore(_code: WarningCode, _message: str) -> None: ...


def finish(pdf: bytes, options: Mapping[str, Any], lay_out: LayOut, warn: Warn = _ignore) -> bytes:
    """Returns the PDF with the changes that `options` ask for, or the same bytes without any."""
    if not any(options.get(step) for step in STEPS):
        return pdf
    with pikepdf.open(io.BytesIO(pdf)) as document:
        if "stamps" in options and (missing := stamp(document, options["stamps"], lay_out)):
            warn("glyph_missing", f"No font has these characters of the stamps: {named(missing)}.")
        if "imposition" in options:
            impose(document, options["imposition"], warn)
        if "watermark" in options:
            _mark(document, options["watermark"], lay_out)
        written = io.BytesIO()
        encryption = _encryption(options["encrypt"]) if "encrypt" in options else False
        document.save(
            written,
            linearize=bool(options.get("linearize")),
            encryption=encryption,
            deterministic_id=not encryption,
        )
    return written.getvalue()


def _mark(document: pikepdf.Pdf, watermark: Mapping[str, Any], lay_out: LayOut) -> None:
    """Draws the text over every page. Pages of the same size share one drawing."""
    drawings: dict[tuple[float, float], Object] = {}
    for page in document.pages:
        shown = frame(page)
        size = round(shown.width, 2), round(shown.height, 2)
        if size not in drawings:
            drawn = lay_out(_page_of_text(watermark, *size)).write_pdf()
            with pikepdf.open(io.BytesIO(drawn)) as pages:
                drawings[size] = document.copy_foreign(pages.pages[0].as_form_xobject())
        draw_over(page, drawings[size], shown.matrix())


def _page_of_text(watermark: Mapping[str, Any], width: float, height: float) -> str:
    text = watermark["text"]
    degrees = watermark.get("angle", 45)
    along = math.radians(degrees % 180)
    room = min(width / max(abs(math.cos(along)), 1e-6), height / max(abs(math.sin(along)), 1e-6))
    points = min(_LARGEST_POINTS, 0.8 * room / (_CHARACTER_WIDTH * max(len(text), 4)))
    return (
        f"<!doctype html><style>@page {{ size: {width}pt {height}pt; margin: 0 }} "
        f"body {{ margin: 0 }} div {{ position: absolute; width: {width}pt; top: {height / 2 - points / 2:.2f}pt; "
        f"left: 0; text-align: center; white-space: pre; line-height: 1; font: bold {points:.2f}pt sans-serif; "
        f"line-height: 1; color: {watermark.get('color', '#808080')}; opacity: {watermark.get('opacity', 0.2)}; "
        f"transform: rotate({-degrees}deg) }}</style><div>{html.escape(text)}</div>"
    )


def _encryption(wanted: Mapping[str, Any]) -> pikepdf.Encryption:
    """Returns AES-256 encryption.

    Without an owner password, a random one protects the permissions.
    """
    permissions = wanted.get("permissions", {})
    refused = {
        name: False
        for ours, names in _PERMISSIONS.items()
        if permissions.get(ours) is False
        for name in names
    }
    return pikepdf.Encryption(
        owner=wanted.get("owner_password") or secrets.token_urlsafe(24),
        user=wanted.get("user_password", ""),
        R=6,
        allow=pikepdf.Permissions(**refused),
    )
