"""Finds the document among uploaded files, and makes the input of `pdf.render` of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from api.http.body import media_type
from api.http.charset import decode_document
from api.http.upload.file_names import refused

MEMBERS = {"text/html": "html", "application/xhtml+xml": "html", "text/markdown": "markdown"}
"""Media type of a document → the member of `pdf.render`'s input that takes it."""
_ENDINGS = {"html": "html", "htm": "html", "xhtml": "html", "md": "markdown", "markdown": "markdown"}
_DEFAULT_NAMES = frozenset({"index.html", "index.htm", "index.md"})
_MAX_SHOWN = 5


def take_document(
    files: dict[str, bytes],
    content_types: Mapping[str, str],
    index: str | None,
    pointer: str,
) -> dict[str, str]:
    """Takes the document out of `files`, and returns the input of a `pdf.render` job.

    The document is the file named `index`; without it, the one index.html or index.md that is
    nearest to the root, or the only HTML or Markdown file.

    Raises:
        InvalidInput: there is no such file, or more than one. `pointer` is that of `index`.
        UnsupportedMediaType, MalformedBody: it cannot be decoded.
    """
    name = _chosen(files, pointer) if index is None else index
    if name not in files:
        raise refused(f"no file named {name[:200]!r} came with it{_candidates(files)}", pointer)
    kind, charset = media_type(content_types.get(name, ""))
    member = _member(name) or MEMBERS.get(kind)
    if member is None:
        raise refused(f"the document {name!r} should be HTML or Markdown: *.html or *.md", pointer)
    text = decode_document(files.pop(name), charset, is_html=member == "html")
    return {member: text} if name in _DEFAULT_NAMES else {member: text, "index": name}


def _chosen(files: Collection[str], pointer: str) -> str:
    indexes = [name for name in files if name.rpartition("/")[2] in _DEFAULT_NAMES]
    least = min((name.count("/") for name in indexes), default=0)
    nearest = [name for name in indexes if name.count("/") == least]
    found = nearest or [name for name in files if _member(name)]
    if len(found) != 1:
        raise refused(
            "exactly one file should be named index.html or index.md, or `index` should name the document"
            + _candidates(found),
            pointer,
        )
    return found[0]


def _member(name: str) -> str | None:
    return _ENDINGS.get(name.rpartition(".")[2].lower())


def _candidates(files: Collection[str]) -> str:
    documents = [name for name in files if _member(name)]
    more = ", …" if len(documents) > _MAX_SHOWN else ""
    return f"; it can be {', '.join(documents[:_MAX_SHOWN])}{more}" if documents else ""
