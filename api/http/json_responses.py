"""JSON responses, made from documents or from bytes that are JSON already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json
from starlette.responses import Response

Headers = Iterable[tuple[bytes, bytes]]

NO_STORE = (b"cache-control", b"no-store")
REVALIDATE = "private, no-cache"
"""`Cache-Control`: the client itself may cache the response, and must revalidate it every time."""


class ResponseModel(BaseModel):
    """Describes a response. Later releases may add members."""

    model_config = ConfigDict(extra="allow")


class JsonReply(Response):
    """A response with a body that is JSON already.

    It sets the raw headers itself: Starlette's header dictionaries would slow down submissions.
    """

    def __init__(
        self,
        body: bytes,
        status_code: int = 200,
        headers: Headers = (NO_STORE,),
        media_type: bytes = b"application/json",
    ) -> None:
        self.status_code = status_code
        self.body = body
        self.raw_headers = [
            (b"content-type", media_type),
            (b"content-length", b"%d" % len(body)),
            *headers,
        ]
        self.background = None


def json_reply(document: Any, status_code: int = 200, headers: Headers = (NO_STORE,)) -> JsonReply:
    return JsonReply(to_json(document), status_code, headers)


def items_reply(items: Iterable[bytes]) -> JsonReply:
    """Returns ``{"items": […]}`` of items that are JSON already."""
    return JsonReply(b'{"items":[' + b",".join(items) + b"]}")


def page_reply(items: Iterable[bytes], next_cursor: str, has_more: bool) -> JsonReply:
    """Returns a page (`items`, `next_cursor`, `has_more`) of items that are JSON already."""
    rest = b'],"next_cursor":' + to_json(next_cursor) + b',"has_more":' + to_json(has_more)
    return JsonReply(b'{"items":[' + b",".join(items) + rest + b"}")
