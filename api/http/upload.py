"""Parses `multipart/form-data` (RFC 7578): a document or a job, and the files that come with it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.http.body import media_type
from api.http.charset import decode_document
from jobs.core.errors.request import InvalidInput, MalformedBody
from jobs.core.errors.store import ArtifactsUnavailable

DOCUMENT_NAMES = {"index.html": "html", "index.htm": "html", "index.md": "markdown"}
"""File name of the document → the member of `pdf.render`'s input that takes it."""
JOB_PART = "job"
MAX_FILES = 200
"""Besides the document or the job. The limit on the body bounds their size."""
FILES_SCHEMA = {"type": "string", "contentMediaType": "application/octet-stream"}
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

    def forget(self) -> None:
        """Drops document and files. A request that waits would keep them in memory."""
        self.document.clear()
        self.files.clear()


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    file_name: str | None
    """None for a plain field."""
    content_type: str
    content: bytes


async def parse_upload(body: bytes, headers: Headers) -> Upload:
    """Parses a body of one document, its files and perhaps options.

    Raises MalformedBody if the body is not multipart/form-data, InvalidInput if there is not
    exactly one document, or a name is not allowed, and ArtifactsUnavailable if the disk is full.
    """
    parts = await _parts(body, headers, max_field_bytes=_MAX_OPTIONS_BYTES)
    documents = [part for part in parts if part.file_name in DOCUMENT_NAMES]
    files = _files(part for part in parts if part.file_name not in DOCUMENT_NAMES)
    if len(documents) != 1:
        raise _invalid("exactly one file should be named index.html or index.md: the document")
    (document,) = documents
    member = DOCUMENT_NAMES[document.file_name or ""]
    charset = media_type(document.content_type)[1]
    text = decode_document(document.content, charset, is_html=member == "html")
    options = _fields(parts, "options")
    return Upload({member: text}, options[0].content.decode() if options else None, files)


async def parse_job_upload(body: bytes, headers: Headers) -> tuple[bytes, dict[str, bytes]]:
    """Parses a body of one job (a field, or a file of any name) and its files.

    Returns the job as it was sent, and the files by the names by which its input refers to them.
    Raises what `parse_upload` raises.
    """
    parts = await _parts(body, headers, max_field_bytes=len(body))
    jobs = [part for part in parts if part.name == JOB_PART]
    others = [part for part in parts if part.name != JOB_PART]
    _fields(others)
    if len(jobs) != 1:
        raise _invalid(f"exactly one part should be named {JOB_PART}: the job, as JSON", "")
    return jobs[0].content, _files(others)


async def _parts(body: bytes, headers: Headers, *, max_field_bytes: int) -> list[_Part]:
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


def _fields(parts: list[_Part], *known: str) -> list[_Part]:
    """Returns the parts that are not files, and refuses unknown and repeated ones."""
    fields = [part for part in parts if part.file_name is None]
    names = [field.name for field in fields]
    for name in names:
        if name not in known:
            raise _invalid(f"there is no part {name[:50]!r}; files need a file name")
        if names.count(name) > 1:
            raise _invalid(f"the part `{name}` should come once")
    return fields


def _files(parts: Iterable[_Part]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for part in parts:
        if part.file_name is None:
            continue
        if part.file_name in files:
            raise _invalid(f"there are two files named {part.file_name!r}")
        files[_checked(part.file_name)] = part.content
    return files


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


def _invalid(message: str, pointer: str = "/input") -> InvalidInput:
    return InvalidInput(f"The upload: {message}.", [{"pointer": pointer, "message": message}])
