"""Every event is sent at least once: to each endpoint that asks for it, and to the `webhook_url` of
the job or batch that it ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.observations import Delivered, Pending
from tests.chaos.promises.history import History
from tests.chaos.promises.webhooks.wanted import endpoints_of, paths_of_jobs

_AFTER_CREATION_S = 0.05
"""An event at the moment of the endpoint's creation may be before or after it."""
_PATIENCE = 2
"""After this many failed attempts the next one is in five minutes: a run does not wait for it."""


def broken(history: History) -> Iterator[str]:
    if not history.final:
        return
    arrived: dict[str, set[str]] = defaultdict(set)
    for each in history.of(Delivered):
        if 200 <= each.answered < 300:
            arrived[each.path].add(each.webhook_id)
    later = {
        (each.endpoint_id or each.url, each.event_id)
        for each in history.of(Pending)
        if each.attempts >= _PATIENCE
    }
    for path, endpoint in endpoints_of(history).items():
        if endpoint.created_at is None or endpoint.deletion_asked:
            continue  # a deleted endpoint takes its deliveries with it
        for event in history.log.get(endpoint.tenant, {}).values():
            is_owed = event.timestamp > endpoint.created_at + _AFTER_CREATION_S and endpoint.wants(event)
            if is_owed and event.id not in arrived[path] and (endpoint.id, event.id) not in later:
                yield f"{path} never got {event.type} {event.id}"
    postponed = {event_id for _, event_id in later}
    for owner, path in paths_of_jobs(history).items():
        for event_id in _ends_of(history, owner):
            if event_id not in arrived[path] | postponed:
                yield f"{path}, the webhook_url of {owner}, never got {event_id}"


def _ends_of(history: History, owner: str) -> list[str]:
    if owner in history.ends:
        return [history.ends[owner].id]
    return [f"evt_{owner.removeprefix('bat_')}_1"] if owner.startswith("bat_") else []
