"""Which events a webhook endpoint asks for, and when it was there."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tests.chaos.observations import EndpointAsked, EventSeen, Submitted
from tests.chaos.promises.history import History


@dataclass
class Endpoint:
    """What is known of the endpoint with a path. Times are those of the client's clock."""

    tenant: str
    path: str
    event_types: tuple[str, ...]
    tags: tuple[str, ...]
    id: str | None = None
    created_at: float | None = None
    """Unix seconds, as the endpoint says; None if the answer was lost."""
    deletion_asked: bool = False
    deleted: float | None = None
    """When the answer said that it is gone."""
    rotations: list[EndpointAsked] = field(default_factory=list)

    def wants(self, event: EventSeen) -> bool:
        has_tag = bool(event.job and set(self.tags) & set(event.job.tags))
        return any(fnmatchcase(event.type, each) for each in self.event_types) and (has_tag or not self.tags)


def endpoints_of(history: History) -> dict[str, Endpoint]:
    """Returns the endpoints by path."""
    found: dict[str, Endpoint] = {}
    for each in history.of(EndpointAsked):
        if each.action == "create":
            made = Endpoint(
                each.tenant, each.path, each.event_types, each.tags, each.endpoint_id, each.created_at
            )
            found[each.path] = made
        elif each.action == "rotate":
            found[each.path].rotations.append(each)
        else:
            found[each.path].deletion_asked = True
            if each.status == 204:
                found[each.path].deleted = each.at
    return found


def paths_of_jobs(history: History) -> dict[str, str]:
    """Returns the path of the `webhook_url` of each job and batch that has one. A retry has that of
    its job."""
    by_nonce = {each.nonce: each.webhook_path for each in history.of(Submitted) if each.webhook_path}
    found = {
        each.batch_id: each.webhook_path
        for each in history.of(Submitted)
        if each.webhook_path and each.batch_id
    }
    for job_id, events in history.job_events.items():
        job = events[0].job
        if job is not None and job.batch_id is None and job.nonce in by_nonce:
            found[job_id] = by_nonce[job.nonce] or ""
    return {owner: path for owner, path in found.items() if path}
