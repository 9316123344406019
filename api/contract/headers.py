"""What the headers of requests and answers mean, for the contract."""

from __future__ import annotations

HEADERS = {
    "Accept": "`text/event-stream` for a stream.",
    "Last-Event-ID": "For a stream: the cursor after which to go on.",
    "Idempotency-Key": "1 to 255 printable ASCII characters. The same key and content again gives the same job.",
    "Prefer": "`wait=N`: hold the answer back for up to N seconds, at most 25, until the job is done (RFC 7240).",
    "If-None-Match": "An `ETag` you have; 304 while it is still right.",
    "If-Range": "The `ETag` of the part you have already.",
    "Range": "One range of bytes, such as `bytes=0-1023` or `bytes=-1024`.",
    "Location": "Where the job, batch or version is.",
    "Idempotent-Replayed": "`true` where an earlier request had made the job.",
    "Preference-Applied": "The preference that was followed.",
    "ETag": "Names this version.",
    "Content-Disposition": "The file name.",
    "Content-Range": "Which bytes these are.",
    "Content-Location": "Where the result stays.",
    "Pressrun-Warnings": "How many warnings `result.warnings` of the job lists, where there are any.",
}
