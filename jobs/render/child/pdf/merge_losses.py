"""Finds what a PDF loses when its pages become part of another one."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence

import pikepdf
from pikepdf import Dictionary, Name, Stream

from jobs.render.protocol.warning_codes import WarningCode

_MAX_XMP_BYTES = 1024 * 1024
_MAX_PARTS_SHOWN = 5
_SIGNATURES_EXIST = 1
"""Bit of `SigFlags` (ISO 32000-2, table 226)."""

_LOST: Mapping[WarningCode, str] = {
    "conformance_lost": "The merged PDF does not say that it conforms to a standard",
    "signature_lost": "The merged PDF has no valid signature",
    "tags_lost": "The merged PDF has no tags for accessibility",
    "scripts_lost": "The merged PDF runs no scripts",
}


def losses(source: pikepdf.Pdf) -> dict[WarningCode, str]:
    """Returns what of the PDF is lost: codes of warnings, with details or an empty text."""
    root = source.Root
    found: dict[WarningCode, str] = {}
    if claimed := standards(root):
        found["conformance_lost"] = ", ".join(claimed)
    form = root.get(Name.AcroForm)
    flags = form.get(Name.SigFlags, 0) if isinstance(form, Dictionary) else 0
    if Name.Perms in root or (isinstance(flags, int) and flags & _SIGNATURES_EXIST):
        found["signature_lost"] = ""
    if Name.StructTreeRoot in root:
        found["tags_lost"] = ""
    names = root.get(Name.Names)
    if isinstance(names, Dictionary) and Name.JavaScript in names:
        found["scripts_lost"] = ""
    return found


def tell(
    lost: Sequence[tuple[str, Mapping[WarningCode, str]]], warn: Callable[[WarningCode, str], None]
) -> None:
    """Gives one warning for each kind of loss. `lost` are the names of parts and their losses."""
    for code, sentence in _LOST.items():
        parts = [
            f"{name}: {details[code]}" if details[code] else name for name, details in lost if code in details
        ]
        if parts:
            more = len(parts) - _MAX_PARTS_SHOWN
            shown = "; ".join(parts[:_MAX_PARTS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
            warn(code, f"{sentence}, unlike these parts: {shown}.")


def standards(root: pikepdf.Object) -> list[str]:
    """Returns the standards that the XMP names, such as ``PDF/A-3B``."""
    xmp = _xmp(root)
    found = []
    if part := _value(xmp, "pdfaid:part"):
        found.append(f"PDF/A-{part}{_value(xmp, 'pdfaid:conformance')}")
    if part := _value(xmp, "pdfuaid:part"):
        found.append(f"PDF/UA-{part}")
    if version := _value(xmp, "pdfxid:GTS_PDFXVersion") or _value(xmp, "pdfx:GTS_PDFXVersion"):
        found.append(version)
    if profile := _value(xmp, "fx:ConformanceLevel") or _value(xmp, "zf:ConformanceLevel"):
        found.append(f"electronic invoice ({profile})")
    return found


def _value(xmp: str, name: str) -> str:
    """Returns a property of the XMP, which is an element or an attribute."""
    found = re.search(rf"""{name}(?:\s*=\s*["']|>)\s*([\w /.:-]{{1,40}})""", xmp)
    return found[1].strip() if found else ""


def _xmp(root: pikepdf.Object) -> str:
    """Returns the beginning of the metadata. A stream that unpacks to gigabytes stays harmless."""
    stream = root.get(Name.Metadata)
    if not isinstance(stream, Stream):
        return ""
    content = stream.read_raw_bytes()[:_MAX_XMP_BYTES]
    if stream.get(Name.Filter) is not None:
        try:
            content = zlib.decompressobj().decompress(content, _MAX_XMP_BYTES)
        except zlib.error:
            return ""
    return content.decode("utf-8", "replace")
