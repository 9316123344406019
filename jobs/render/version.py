"""Which renderer this is. Pure but for reading its own files."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "weasyprint",
    "pydyf",
    "tinycss2",
    "tinyhtml5",
    "cssselect2",
    "fonttools",
    "pillow",
    "pikepdf",
    "markdown-it-py",
    "jinja2",
    "markupsafe",
    "babel",
)


@cache
def renderer_version() -> str:
    """Hex digest of what decides which bytes a document becomes: the packages that render it, and this one."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    for file in sorted(Path(__file__).parent.iterdir()):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()
