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

_FOLDERS = ("child", "child/html", "child/pdf", "protocol")
"""Below this one: what runs in a render child, and the messages that it gets."""


@cache
def renderer_version() -> str:
    """Hex digest of what decides which bytes a document becomes: the packages that render it, and this one."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    for file in rendering_files():
        digest.update(file.read_bytes())
    return digest.hexdigest()


def rendering_files() -> list[Path]:
    """The files of this package that decide which bytes a document becomes, in a fixed order."""
    here = Path(__file__).parent
    folders = [here / folder for folder in _FOLDERS]
    return sorted(file for folder in folders for file in folder.iterdir() if file.is_file())
