"""Serves results: the whole, a range, or only the headers. Large ones are streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.http.headers import etags
from api.http.headers.disposition import content_disposition
from api.http.headers.ranges import ByteRange, requested_range
from api.http.json_responses import REVALIDATE
from jobs.core.errors.request import ResultExpired
from jobs.core.errors.store import ArtifactMissing
from jobs.store.artifacts import Artifacts
from jobs.store.results import StoredResult

_PIECE_BYTES = 1024 * 1024
"""A slow client holds one piece in memory, not the whole file."""


async def stored_file(artifacts: Artifacts, result: StoredResult, request: Request) -> Response:
    """Answers 200, 206 or 304, by the conditions and the range (RFC 9110, sections 13 and 14).

    Raises RangeNotSatisfiable, and ResultExpired if the bytes were removed a moment ago.
    """
    tag = etags.strong(result.sha256)
    headers = {"etag": tag, "cache-control": REVALIDATE}
    if etags.matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    # `If-Range` with another tag, or with a date, asks for the whole.
    is_part_known = request.headers.get("if-range", tag) == tag
    span = requested_range(request.headers.get("range"), result.bytes) if is_part_known else None
    headers |= {
        "content-type": result.content_type,
        "content-disposition": content_disposition(result.filename, result.content_type),
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
    }
    if span is None:
        return await _reply(artifacts, result, ByteRange(0, result.bytes), 200, headers, request.method)
    headers["content-range"] = span.content_range(result.bytes)
    return await _reply(artifacts, result, span, 206, headers, request.method)


async def whole_file(artifacts: Artifacts, result: StoredResult, headers: dict[str, str]) -> Response:
    """Returns 200 with all of the result, for a request without conditions or ranges."""
    headers = {
        "content-type": result.content_type,
        "content-disposition": content_disposition(result.filename, result.content_type),
        "etag": etags.strong(result.sha256),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **headers,
    }
    return await _reply(artifacts, result, ByteRange(0, result.bytes), 200, headers, "GET")


async def _reply(
    artifacts: Artifacts,
    result: StoredResult,
    span: ByteRange,
    status: int,
    headers: dict[str, str],
    method: str,
) -> Response:
    headers["content-length"] = str(span.end - span.start)
    if method == "HEAD" or span.start == span.end:
        return Response(b"", status, headers)
    # Read before the status is sent, so that a missing result can still be answered with 410.
    first_end = min(span.start + _PIECE_BYTES, span.end)
    try:
        first = await artifacts.get_range(result.path, span.start, first_end)
    except ArtifactMissing as error:
        raise ResultExpired("The result has just been removed.") from error
    if first_end == span.end:
        return Response(first, status, headers)

    async def pieces() -> AsyncIterator[bytes]:
        yield first
        for start in range(first_end, span.end, _PIECE_BYTES):
            yield await artifacts.get_range(result.path, start, min(start + _PIECE_BYTES, span.end))

    return StreamingResponse(pieces(), status, headers)
