"""`multipart/form-data` with a document and the files beside it (RFC 7578)."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.body import media_type
from api.charset import decode_document
from jobs.errors import InvalidInput, MalformedBody

DOCUMENT_NAMES = {"index.html": "html", "index.htm": "html", "index.md": "markdown"}
"""File name of the document → the member of `pdf.render`'s input that takes it."""
MAX_FILES = 200
"""Beside the document. Their bytes together are bounded by the body's."""
_MAX_OPTIONS_BYTES = 256 * 1024
_MAX_NAME_CHARACTERS = 200
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f\\\\?#]")


@dataclass(frozen=True, slots=True)
class Upload:
    document: dict[str, str]
    """The input of a `pdf.render` job."""
    options: str | None
    """The part named ``options``, JSON."""
    files: dict[str, bytes]
    """By name, as the document refers to them."""


async def parse_upload(body: bytes, headers: Headers) -> Upload:
    """The parts of the body: one document, files, options.

    Raises:
        MalformedBody: it is not multipart/form-data.
        InvalidInput: there is not exactly one document, or a name does not do.
    """
    form = await _parse(body, headers)
    try:
        texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        uploads = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        files: dict[str, bytes] = {}
        documents: list[tuple[str, str | None, bytes]] = []
        for upload in uploads:
            name, content = upload.filename or "", await upload.read()
            if name in DOCUMENT_NAMES:
                documents.append((DOCUMENT_NAMES[name], media_type(upload.content_type or "")[1], content))
            elif name in files:
                raise _invalid(f"there are two files named {name!r}")
            else:
                files[_checked(name)] = content
    finally:
        await form.close()
    if len(documents) != 1:
        raise _invalid("exactly one file should be named index.html or index.md: the document")
    member, charset, content = documents[0]
    text = decode_document(content, charset, is_html=member == "html")
    return Upload({member: text}, _options(texts), files)


async def _parse(body: bytes, headers: Headers) -> FormData:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        headers, stream(), max_files=MAX_FILES + 1, max_fields=10, max_part_size=_MAX_OPTIONS_BYTES
    )
    try:
        return await parser.parse()
    except (MultiPartException, KeyError) as error:
        reason = error.message if isinstance(error, MultiPartException) else "it names no boundary"
        raise MalformedBody(f"The body is not the multipart/form-data expected here: {reason}") from None


def _options(texts: list[tuple[str, str]]) -> str | None:
    unknown = [name for name, _ in texts if name != "options"]
    if unknown:
        raise _invalid(f"there is no part {unknown[0][:50]!r}; files need a file name")
    if len(texts) > 1:
        raise _invalid("the part `options` should come once")
    return texts[0][1] if texts else None


def _checked(name: str) -> str:
    parts = name.split("/")
    if (
        len(name) > _MAX_NAME_CHARACTERS
        or _NOT_IN_NAMES.search(name)
        or not {"", ".", ".."}.isdisjoint(parts)
    ):
        raise _invalid(
            f"{name[:50]!r} is not a relative file name such as logo.png or css/print.css: at most "
            f"{_MAX_NAME_CHARACTERS} characters, no backslashes, question marks, hashes or control characters"
        )
    return name


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(f"The upload: {message}.", [{"pointer": "/input", "message": message}])
