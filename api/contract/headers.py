"""Descriptions of headers, for the contract."""

from __future__ import annotations

HEADERS = {
    "Accept": "`text/event-stream` for a stream.",
    "Last-Event-ID": "For a stream: continue after this cursor.",
    "Idempotency-Key": "1 to 255 printable ASCII characters. The same key and content give the same job again.",
    "Prefer": "`wait=N`: hold the answer back until the job has ended, for N seconds at most; N is 0 to 25 (RFC 7240).",
    "If-None-Match": "The `ETag` of your version. The answer is 304 while it is current.",
    "If-Range": "The `ETag` of the part you already have.",
    "Range": "One range of bytes, such as `bytes=0-1023` or `bytes=-1024`.",
    "Location": "The URL of the job, batch, version or endpoint.",
    "Idempotent-Replayed": "`true` if an earlier request with this key made the job.",
    "Preference-Applied": "The preference that was applied.",
    "ETag": "Identifies this version.",
    "Content-Disposition": "The file name.",
    "Content-Range": "Which bytes the answer has.",
    "Content-Location": "The URL of the result.",
    "Pressrun-Warnings": "How many warnings are in the job's `result.warnings`, if there are any.",
}
