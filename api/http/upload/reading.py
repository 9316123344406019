"""Reads uploads within the bounds of a process: forms, zip files, and zip files in forms."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from starlette.requests import Request

from api.http.body import BodyBounds, read_body, take_memory_to_unpack
from api.http.body_memory import LARGE_BYTES
from api.http.upload.file_names import MAX_FILES, add_file, refused
from api.http.upload.multipart import Form, parse_form
from api.http.upload.zip_archive import ZipArchive

ZIP_PART = "zip"
FILES_SCHEMA = {"type": "string", "contentMediaType": "application/octet-stream"}
ZIP_SCHEMA = {
    "type": "string",
    "contentMediaType": "application/zip",
    "description": "A zip file of files, which have the names that they have in the zip.",
}
_MAX_FIELD_BYTES = 256 * 1024


async def read_form(
    request: Request, bounds: BodyBounds, *, fields: Collection[str] = (), body_field: str | None = None
) -> Form:
    """Reads `multipart/form-data`. A zip file in the field `zip` is unpacked beside other files.

    `body_field` may be sent as a file, and be as large as the body. Raises what `parse_form` and
    `ZipArchive` raise.
    """
    body = await read_body(request, bounds)
    form = await parse_form(
        body,
        request.headers,
        fields=fields,
        file_fields={ZIP_PART} if body_field is None else {ZIP_PART, body_field},
        max_field_bytes=_MAX_FIELD_BYTES if body_field is None else len(body),
    )
    if ZIP_PART in form.fields:
        unpacked = await _unpacked(request, bounds, form.fields.pop(ZIP_PART))
        for name, content in unpacked.items():
            add_file(form.files, name, content)
        if len(form.files) > MAX_FILES + 1:
            raise refused(f"there are more than {MAX_FILES} files besides the document")
    return form


async def read_zip(request: Request, bounds: BodyBounds) -> Form:
    """Reads a zip file. Raises what `ZipArchive` raises."""
    return Form(files=await _unpacked(request, bounds, await read_body(request, bounds)))


async def _unpacked(request: Request, bounds: BodyBounds, content: bytes) -> dict[str, bytes]:
    archive = await asyncio.to_thread(ZipArchive, content, bounds.max_bytes)
    if archive.unpacked_bytes > LARGE_BYTES:
        await take_memory_to_unpack(request, bounds, archive.unpacked_bytes)
    return await asyncio.to_thread(archive.files)
