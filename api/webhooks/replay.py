"""Delivers past events to an endpoint that did not exist, or failed, when they happened."""

from __future__ import annotations

import json

from jobs.core.errors.request import WebhookConflict
from jobs.core.events import Cursor
from jobs.store.events.event_log import EventLog
from jobs.webhooks.deliveries import Deliveries, pending_delivery
from jobs.webhooks.endpoint import (
    UNDELIVERABLE_EVENT_TYPES,
    Endpoint,
    EndpointStatus,
    type_pattern,
    wants_job,
)

EVENTS_AT_ONCE = 2_000
"""How many events of the log one call reads at most."""
_PAGE = 500


async def replay(
    eventlog: EventLog, deliveries: Deliveries, endpoint: Endpoint, after: Cursor | None
) -> tuple[int, str | None]:
    """Makes deliveries of the events after a cursor that the endpoint asks for.

    Returns the number of new deliveries, and the cursor to continue from (None at the end of the
    log). An event that has a delivery to this endpoint already gets no second one.

    Raises:
        WebhookConflict: the endpoint is disabled.
        CursorExpired: events after the cursor are gone.
    """
    if endpoint.status is EndpointStatus.DISABLED:
        raise WebhookConflict(f"{endpoint.id} is disabled. Enable it first, then replay.")
    made = 0
    for _ in range(EVENTS_AT_ONCE // _PAGE):
        page = await eventlog.page(endpoint.tenant, after, _PAGE)
        for body in page.bodies:
            made += await _deliver(deliveries, endpoint, body)
        after = page.next_cursor
        if not page.has_more:
            return made, None
    return made, str(after)


async def _deliver(deliveries: Deliveries, endpoint: Endpoint, body: bytes) -> int:
    event = json.loads(body)
    if (
        event["type"] in UNDELIVERABLE_EVENT_TYPES
        or not type_pattern(endpoint.config.event_types).fullmatch(event["type"])
        or not wants_job(endpoint.config, event["data"].get("job"))
    ):
        return 0
    return await deliveries.dispatch(
        endpoint.tenant,
        str(event["sequence"]),
        [pending_delivery(event["id"], endpoint.id)],
        kept=(body, event["id"], event["type"]),
    )
