"""Checks headers that users have Pressrun send: to webhook endpoints, and to servers of documents.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from jobs.core.http.forwarding import is_forwarding_header

HeadersByOrigin = Mapping[str, Mapping[str, str]]
"""Headers for requests to some origins (`jobs.core.egress.Target.origin`), and to no others."""

_NAME = re.compile(r"[a-z0-9-]{1,64}\Z")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?\Z")
_OURS = re.compile(
    # The connection and the framing: RFC 9110 sections 7 and 10.1, RFC 9112, RFC 9113, 8.2.2,
    # and extensions of them.
    "host|connection|close|transfer-encoding|te|trailer|upgrade|expect|keep-alive|max-forwards|"
    "http2-settings|alt-used|early-data|sec-.*|proxy-.*|"
    # What the message is; `is_forwarding_header` knows those that say where it comes from.
    "content-.*|date|user-agent|accept-encoding|cookie"
)


def checked_headers(
    headers: Mapping[str, str], also_ours: str, *, max_headers: int, max_value_characters: int
) -> dict[str, str]:
    """Returns the headers with their names in lower case.

    `also_ours` is a regular expression for further names that users may not set. Messages never
    have a value.

    Raises:
        ValueError: a header is refused, or there are too many.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    if len(lowered) != len(headers):
        raise ValueError("should name each header once")
    if len(headers) > max_headers:
        raise ValueError(f"should be at most {max_headers} headers")
    for name, value in lowered.items():
        if not _NAME.match(name):
            raise ValueError(f"{name[:64]!r} should be letters, digits and hyphens")
        if _OURS.fullmatch(name) or re.fullmatch(also_ours, name) or is_forwarding_header(name):
            raise ValueError(f"{name} is not yours to set")
        if len(value) > max_value_characters or not _VALUE.match(value):
            raise ValueError(
                f"the value of {name} should be 1 to {max_value_characters} printable ASCII characters"
            )
    return lowered
