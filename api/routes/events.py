"""`/v1/events`: the tenant's event log, page by page or as a stream (server-sent events)."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Caller
from api.contract.requests.events import EventsQuery
from api.contract.responses.events import EventPage
from api.http.json_responses import page_reply
from api.http.operation import Answer, operation
from api.services import Services
from jobs.core.events import Cursor
from notifier.protocol.filters import EVERYTHING, Filter
from notifier.protocol.log_event import LogEvent
from notifier.transports.sse import EventStreamResponse, EventStreams


@dataclass(frozen=True)
class EventRoutes:
    services: Services
    streams: EventStreams

    @operation(
        "GET /v1/events",
        {
            200: Answer(
                "A page of events, oldest first. Or, as `text/event-stream`, every event from now or from "
                "`Last-Event-ID` on: `id` is its cursor and `event` its type. `event: reset` means that the "
                "cursor is too old.",
                EventPage,
                media_types=("text/event-stream",),
            ),
            410: "cursor_expired",
            429: "too_many_connections",
        },
        guard="events",
        headers=("Accept", "Last-Event-ID"),
    )
    async def list_events(self, request: Request, caller: Caller, query: EventsQuery) -> Response:
        """Read the event log, page by page or as a stream."""
        if _prefers_stream(request.headers.get("accept", "")):
            after = request.headers.get("last-event-id") or query.after
            cursor = Cursor.parse(after) if after else None
            return EventStreamResponse(self.streams, caller.tenant, _filter(query), cursor, caller.expires_at)
        page = await self.services.eventlog.page(
            caller.tenant, None if query.after is None else Cursor.parse(query.after), query.limit
        )
        bodies, filter = page.bodies, _filter(query)
        if filter is not EVERYTHING:
            epoch = page.next_cursor.epoch
            bodies = [body for body in bodies if LogEvent.from_body(epoch, body).passes(filter)]
        return page_reply(bodies, str(page.next_cursor), page.has_more)


def _prefers_stream(accept: str) -> bool:
    return accept.partition(",")[0].partition(";")[0].strip().lower() == "text/event-stream"


def _filter(query: EventsQuery) -> Filter:
    filter = Filter(
        frozenset(query.kinds), frozenset(query.tags), tuple(query.types), query.job_id, query.batch_id
    )
    return EVERYTHING if filter == EVERYTHING else filter
