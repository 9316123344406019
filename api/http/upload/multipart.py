"""Parses `multipart/form-data` (RFC 7578): files, and fields that say what to do with them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.http.upload.file_names import MAX_FILES, add_file, refused
from jobs.core.errors.request import MalformedBody
from jobs.core.errors.store import ArtifactsUnavailable


@dataclass(frozen=True, slots=True)
class Form:
    fields: dict[str, bytes] = field(default_factory=dict)
    """By name, as far as they are known."""
    files: dict[str, bytes] = field(default_factory=dict)
    """By file name. The names of their fields do not matter."""
    content_types: dict[str, str] = field(default_factory=dict)
    """As sent, by file name."""


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    file_name: str | None
    """None for a plain field."""
    content_type: str
    content: bytes


async def parse_form(
    body: bytes,
    headers: Headers,
    *,
    fields: Collection[str],
    file_fields: Collection[str],
    max_field_bytes: int,
) -> Form:
    """Parses a body of files, and of fields that come once each.

    Args:
        fields: plain fields that are known. A file whose field has such a name is a file.
        file_fields: fields that may be sent as a file of any name, and are no file of the form.
        max_field_bytes: of a plain field.

    Raises:
        MalformedBody: it is not multipart/form-data.
        InvalidInput: a field is unknown or repeated, or a name of a file is not allowed.
        ArtifactsUnavailable: the disk is full.
    """
    form = Form()
    for part in await _parts(body, headers, max_field_bytes):
        if part.name in file_fields or part.file_name is None:
            if part.name not in fields and part.name not in file_fields:
                raise refused(f"there is no part {part.name[:50]!r}; files need a file name")
            if part.name in form.fields:
                raise refused(f"the part `{part.name}` should come once")
            form.fields[part.name] = part.content
        else:
            add_file(form.files, part.file_name, part.content)
            form.content_types[part.file_name] = part.content_type
    return form


async def _parts(body: bytes, headers: Headers, max_field_bytes: int) -> list[_Part]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        headers, stream(), max_files=MAX_FILES + 1, max_fields=10, max_part_size=max_field_bytes
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        reason = error.message if isinstance(error, MultiPartException) else "it names no boundary"
        raise MalformedBody(f"The body is not the multipart/form-data expected here: {reason}") from None
    except OSError as error:  # the parser keeps large files in TMPDIR
        raise ArtifactsUnavailable(
            f"The files could not be kept while they came in: {error.strerror or error}. Send them again later."
        ) from error
    try:
        return [
            _Part(name, value.filename or "", value.content_type or "", await value.read())
            if isinstance(value, UploadFile)
            else _Part(name, None, "", value.encode("utf-8", "replace"))
            for name, value in form.multi_items()
        ]
    finally:
        await form.close()
