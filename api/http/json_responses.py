"""Answers as bytes: what every handler returns for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

Headers = Iterable[tuple[bytes, bytes]]

NO_STORE = (b"cache-control", b"no-store")
REVALIDATE = (b"cache-control", b"private, no-cache")
"""May be kept by the client itself, if it asks every time whether it is still right."""


class JsonReply(Response):
    """JSON that is bytes already. Made without Starlette's detour over header dictionaries: submissions are many."""

    def __init__(self, body: bytes, status_code: int = 200, headers: Headers = (NO_STORE,)) -> None:
        self.status_code = status_code
        self.body = body
        self.raw_headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *headers,
        ]
        self.background = None


def json_reply(document: Any, status_code: int = 200, headers: Headers = (NO_STORE,)) -> JsonReply:
    """Answers with `document` as JSON."""
    return JsonReply(to_json(document), status_code, headers)


def items_reply(items: Iterable[bytes]) -> JsonReply:
    """``{"items": […]}`` of bodies that are JSON already."""
    return JsonReply(b'{"items":[' + b",".join(items) + b"]}")


def page_reply(items: Iterable[bytes], next_cursor: str) -> JsonReply:
    """Likewise, with the cursor to go on from."""
    return JsonReply(b'{"items":[' + b",".join(items) + b'],"next_cursor":' + to_json(next_cursor) + b"}")


def not_modified(headers: Headers) -> Response:
    """304: what the client has is still right."""
    response = Response(status_code=304)
    response.raw_headers = list(headers)
    return response
