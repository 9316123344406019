"""Fonts whose licence forbids a PDF to have only some of their characters.

Bit 8 of ``fsType`` says so (OpenType 1.9.1, "OS/2: type flags"). WeasyPrint does not look at it.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from weasyprint.pdf.fonts import Font
from weasyprint.text.ffi import ffi, harfbuzz

_FS_TYPE_OFFSET = 8
_NO_SUBSETTING = 0x0100
_init = Font.__init__


def apply() -> None:
    Font.__init__ = _made  # type: ignore[method-assign]


def _made(font: Any, *arguments: Any) -> None:
    _init(font, *arguments)  # type: ignore[no-untyped-call]
    if _fs_type(font.hb_face) & _NO_SUBSETTING:
        # Without Unicode numbers, WeasyPrint cannot write all of a font.
        has_numbers = TTFont(BytesIO(font.file_content), fontNumber=font.index, lazy=True).getBestCmap()
        # Also the fonts of fields that are filled in later are written as a whole.
        font.used_in_forms = bool(has_numbers)


def _fs_type(face: Any) -> int:
    blob = harfbuzz.hb_face_reference_table(face, harfbuzz.hb_tag_from_string(b"OS/2", -1))
    try:
        length = ffi.new("unsigned int *")
        data = harfbuzz.hb_blob_get_data(blob, length)
        if length[0] < _FS_TYPE_OFFSET + 2:
            return 0
        (value,) = struct.unpack_from(">H", ffi.buffer(data, length[0]), _FS_TYPE_OFFSET)
        return int(value)
    finally:
        harfbuzz.hb_blob_destroy(blob)
