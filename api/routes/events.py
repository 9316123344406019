"""`/v1/events`: the tenant's event log, page by page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.auth import Authenticator, Caller
from api.query import read_query
from api.replies import page_reply
from api.resource import Resource
from api.schemas import EventsQuery
from api.services import Services
from jobs.errors import NotAcceptable
from jobs.events import Cursor


class EventRoutes:
    def __init__(self, services: Services) -> None:
        self._eventlog = services.eventlog

    def routes(self, auth: Authenticator) -> list[BaseRoute]:
        return [Resource("/v1/events", auth.to_channel, GET=self.page)]

    async def page(self, request: Request, caller: Caller) -> Response:
        """Events after a cursor, and the cursor to go on from."""
        query = read_query(request.scope, EventsQuery)
        accept = request.headers.get("accept", "")
        if accept.startswith("text/event-stream"):
            raise NotAcceptable("Events come as JSON pages here. Ask for `Accept: application/json`.")
        after = None if query.after is None else Cursor.parse(query.after)
        page = await self._eventlog.page(caller.tenant, after, query.limit)
        return page_reply(page.bodies, str(page.next_cursor))
