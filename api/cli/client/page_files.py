"""Finds the files on this machine that a document needs, and the names by which it finds them.

A document may be somebody else's. What it refers to is taken only from one folder and those below
it, wherever symbolic links lead, and never if its name or that of a folder begins with a dot.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from api.cli.client.references import in_css, in_html, local_path
from jobs.core.file_names import is_file_name


@dataclass(frozen=True, slots=True)
class PageFiles:
    root: Path
    """The folder that is the root of the upload."""
    files: list[Path]
    left_out: dict[str, str]
    """Why a file is not sent, by the reference to it."""

    def name(self, path: Path) -> str:
        """Returns the name in the upload of a file below the root."""
        return path.relative_to(self.root).as_posix()


def page_files(
    document: Path, references: Iterable[str], boundary: Path, root: Path | None = None
) -> PageFiles:
    """Finds what a document refers to, and what stylesheets and SVG pictures among that refer to.

    Files that do not exist are left to the server, which warns of them.

    Args:
        document: its path, absolute, as are all others.
        references: what it refers to.
        boundary: the folder from which files are taken. It has the document.
        root: the root of the upload, to which references with a slash at the start are relative.
            Default: the lowest folder that has all files.
    """
    found: dict[Path, None] = {}
    left_out: dict[str, str] = {}
    waiting = deque((document.parent, reference) for reference in references)
    site, seen = root, {document}
    while waiting:
        folder, reference = waiting.popleft()
        path = local_path(reference)
        if path is None:
            continue
        if path.startswith("/"):
            site = site or _site(document.parent, boundary, path)
            if site is None:
                continue
            folder = site
        target = Path(os.path.normpath(folder / path.lstrip("/")))
        if target in seen or not target.is_file():
            continue
        seen.add(target)
        if reason := _refusal(target, boundary):
            left_out[reference] = reason
            continue
        found[target] = None
        waiting.extend((target.parent, each) for each in _references_in(target))
    return PageFiles(root or _root(document, found, site), list(found), left_out)


def _site(folder: Path, boundary: Path, path: str) -> Path | None:
    """Returns the nearest folder from which `path`, with a slash at the start, leads to a file."""
    for candidate in (folder, *folder.parents):
        if (candidate / path.lstrip("/")).is_file():
            return candidate
        if candidate == boundary:
            break
    return None


def _root(document: Path, files: Iterable[Path], site: Path | None) -> Path:
    lowest = Path(os.path.commonpath([document.parent, *(file.parent for file in files)]))
    return site if site is not None and lowest.is_relative_to(site) else lowest


def _refusal(target: Path, boundary: Path) -> str | None:
    for path, top in ((target, boundary), (target.resolve(), boundary.resolve())):
        if not path.is_relative_to(top):
            return f"it is outside of {boundary}. Another --root allows it."
        if any(part.startswith(".") for part in path.relative_to(top).parts):
            return "its name, or that of a folder, begins with a dot. --file sends it."
    if not is_file_name(target.relative_to(boundary).as_posix()):
        return "its name is too long, or has characters that names in an upload may not have."
    if not os.access(target, os.R_OK):
        return "it cannot be read."
    return None


def _references_in(file: Path) -> list[str]:
    suffix = file.suffix.lower()
    if suffix not in (".css", ".svg"):
        return []
    text = file.read_text("utf-8", "replace")
    return list(in_css(text)) if suffix == ".css" else in_html(text)
