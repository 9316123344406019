"""The routes of the API: they check requests as operations declare, then call the handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from api.access.auth import Admission, Authenticator, Caller
from api.http.body import SENDER, BodyBounds, forget_body
from api.http.operation import Guard, Operation
from api.http.query import NoQuery, read_query


@dataclass(frozen=True, slots=True)
class Endpoint:
    operation: Operation
    handlers: object
    handler: Callable[..., Awaitable[Response]]
    admission: Admission | None
    bodies: BodyBounds

    async def reply(self, request: Request) -> Response:
        """Checks the request in the order of its parts, calls the handler and returns its response.

        The order is: guard, path, query, headers, what the path names, body. So nothing is said
        to callers without permission, and no body is read in vain.
        """
        operation, scope = self.operation, request.scope
        values: dict[str, Any] = {"request": request}
        if self.admission is not None:
            admitted = self.admission(scope)
            values["caller"] = caller = admitted if isinstance(admitted, Caller) else await admitted
            scope[SENDER] = caller.tenant
        for name, read in operation.path_values.items():
            values[name] = read(request)
        if operation.query is not None and (operation.query is not NoQuery or scope["query_string"]):
            values["query"] = read_query(scope, operation.query)
        for name, read in operation.header_values.items():
            values[name] = read(request)
        if operation.find is not None:
            values["found"] = await operation.find(self.handlers, request, values["caller"])
        if operation.body is not None:
            try:
                values["body"] = await operation.body.read(request, self.bodies)
                return await self.handler(*[values[name] for name in operation.takes])
            finally:
                forget_body(request)
        return await self.handler(*[values[name] for name in operation.takes])


class Resource(Route):
    """A path with its operations by method. `HEAD` is answered as `GET`, without the body.

    A handler that can save itself work for `HEAD` looks at the method of the request.
    """

    def __init__(self, path: str, endpoints: Mapping[str, Endpoint]) -> None:
        self.endpoints = dict(endpoints)
        if "GET" in endpoints:
            self.endpoints["HEAD"] = endpoints["GET"]
        super().__init__(path, endpoint=self.handle, methods=self.endpoints, name=path)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self.endpoints.get(scope["method"])
        if endpoint is None:
            raise HTTPException(405, headers={"Allow": ", ".join(self.endpoints)})
        response = await endpoint.reply(Request(scope, receive, send))
        await response(scope, receive, _head_only(send) if scope["method"] == "HEAD" else send)


def resources(handlers: object, auth: Authenticator, bodies: BodyBounds) -> list[Resource]:
    """Returns the routes for every operation that the class of `handlers` declares."""
    admissions: dict[Guard, Admission | None] = {
        "open": None,
        "key": auth.by_key,
        "operator": auth.by_operator,
        "job": auth.to_job,
        "jobs": auth.to_jobs,
        "batch": auth.to_batch,
        "events": auth.to_events,
    }
    paths: dict[str, dict[str, Endpoint]] = {}
    for name, member in vars(type(handlers)).items():
        operation: Operation | None = getattr(member, "operation", None)
        if operation is not None:
            methods = paths.setdefault(operation.path, {})
            if operation.method in methods:
                raise ValueError(f"{operation.method} {operation.path} is declared twice")
            admission = admissions[operation.guard]
            handler = getattr(handlers, name)
            methods[operation.method] = Endpoint(operation, handlers, handler, admission, bodies)
    return [Resource(path, endpoints) for path, endpoints in paths.items()]


def operations_of(routes: Iterable[BaseRoute]) -> list[Operation]:
    return [
        endpoint.operation
        for route in routes
        if isinstance(route, Resource)
        for method, endpoint in route.endpoints.items()
        if method != "HEAD"
    ]


def _head_only(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head
