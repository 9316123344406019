"""A path of the API: its handlers by method, and what guards them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from api.access.auth import Admission, Caller

Handler = Callable[[Request, Caller], Awaitable[Response]]


class Resource(Route):
    """A route whose handlers run only for callers that `admission` lets in.

    `admission` is one of the methods of `api.access.auth.Authenticator`; handlers are named by method
    (``GET=…``). `HEAD` is answered wherever `GET` is: a handler that can save itself work then looks at the method.
    """

    def __init__(self, path: str, admission: Admission, **handlers: Handler) -> None:
        self.admission = admission
        self.handlers = dict(handlers)
        if "GET" in handlers:
            self.handlers["HEAD"] = handlers["GET"]
        super().__init__(path, endpoint=self.handle, methods=self.handlers, name=path)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self.handlers.get(scope["method"])
        if handler is None:
            raise HTTPException(405, headers={"Allow": ", ".join(self.handlers)})
        admitted = self.admission(scope)
        caller = admitted if isinstance(admitted, Caller) else await admitted
        response = await handler(Request(scope, receive, send), caller)
        await response(scope, receive, _head_only(send) if scope["method"] == "HEAD" else send)


def _head_only(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head
