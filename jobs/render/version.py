"""The version of the renderer: a digest of everything that decides the bytes of a PDF."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "weasyprint",
    "pydyf",
    "tinycss2",
    "tinyhtml5",
    "webencodings",
    "cssselect2",
    "pyphen",
    "fonttools",
    "brotli",
    "pillow",
    "pikepdf",
    "markdown-it-py",
    "mdit-py-plugins",
    "mdurl",
    "pygments",
    "pyyaml",
    "jinja2",
    "markupsafe",
    "babel",
)
_HERE = Path(__file__).parent
_FOLDERS = tuple(
    _HERE / folder
    for folder in (
        "child",
        "child/corrections",
        "child/html",
        "child/html/css",
        "child/html/fonts",
        "child/html/losses",
        "child/html/headers",
        "child/html/output",
        "child/markdown",
        "child/pdf",
        "child/pdf/conformance",
        "child/pdf/conformance/checks",
        "child/pdf/forms",
        "child/pdf/pages",
        "child/pdf/tagging",
        "protocol",
    )
)
"""What runs in a render child, and the messages that it gets."""
_OUTSIDE = (_HERE.parent / "kinds/pdf/render.py", _HERE.parent / "core/times.py")
"""What makes the message to a render child from a stored spec, and what reads times in it."""


@cache
def renderer_version() -> str:
    """Returns a hex digest of Python, the packages and the files that decide the bytes of a PDF.

    Results of earlier jobs are reused only if their renderer had the same version. System libraries
    (Pango, HarfBuzz) and installed fonts are not part of it: the worker does not load them.
    """
    digest = hashlib.sha256(f"python {sys.version}\n".encode())
    for package in PACKAGES:
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    for file in rendering_files():
        digest.update(file.read_bytes())
    return digest.hexdigest()


def rendering_files() -> list[Path]:
    """Returns the files of this project that decide the bytes of a PDF, in a fixed order."""
    found = [file for folder in _FOLDERS for file in folder.iterdir() if file.is_file()]
    return sorted([*found, *_OUTSIDE])
