"""Every webhook is an event of the tenant that it goes to, asked for, signed and fresh, the same at
each repetition, and none comes after the endpoint was deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.chaos.observations import Delivered
from tests.chaos.promises.history import History, is_end
from tests.chaos.promises.webhooks.wanted import Endpoint, endpoints_of

_TIMESTAMP_S = 300
_IN_FLIGHT_S = 60
"""A request that was decided upon may come this much later: its notifier was frozen meanwhile."""
_CALM_S = 5
"""What was answered later than this after the faults is not sent again."""
_REPEATS = 12
"""Ten notifiers may die in a row while they send one delivery."""


def broken(history: History) -> Iterator[str]:
    endpoints = endpoints_of(history)
    events = {(tenant, event.id): event for tenant, known in history.log.items() for event in known.values()}
    digests: dict[tuple[str, str], str] = {}
    taken = Counter[tuple[str, str]]()
    taken_in_calm: set[tuple[str, str]] = set()
    calm = history.moment("faults_end")
    for each in history.of(Delivered):
        name, key = f"{each.webhook_id} at {each.path}", (each.path, each.webhook_id)
        if each.webhook_id != each.event.id:
            yield f"{name} has the body of {each.event.id}"
        if not each.signed_by:
            yield f"{name} has no valid signature"
        if abs(each.age_seconds) > _TIMESTAMP_S:
            yield f"{name} has a timestamp that is {each.age_seconds:.0f} s off"
        if digests.setdefault(key, each.event.digest) != each.event.digest:
            yield f"{name} came with another body before"
        tenant = each.path.split("/")[2]
        event = events.get((tenant, each.webhook_id))
        if event is not None and event.digest != each.event.digest:
            yield f"{name} has another content than the log of {tenant}"
        if event is None and history.final and not history.holes.get(tenant):
            yield f"{name} is no event of {tenant}"
        if each.path.startswith("/url/"):
            yield from _wrong_url_event(each)
        else:
            yield from _wrong_endpoint_event(each, endpoints.get(each.path), history)
        if key in taken_in_calm:
            yield f"{name} was sent again, and no fault was the reason"
        if 200 <= each.answered < 300:
            taken[key] += 1
            if calm is not None and each.at > calm + _CALM_S:
                taken_in_calm.add(key)
    for (path, webhook_id), count in taken.items():
        if count > _REPEATS:
            yield f"{webhook_id} at {path} was sent {count} times, and taken each time"


def _wrong_url_event(each: Delivered) -> Iterator[str]:
    """A `webhook_url` gets the end of its job or batch. Its path has the nonce of that."""
    event = each.event
    if not is_end(event) and event.type != "batch.completed":
        yield f"{each.path} got {event.type}"
    if event.job is not None and event.job.nonce not in (None, each.path.split("/")[3]):
        yield f"{each.path} got {event.id} of {event.job.nonce}"


def _wrong_endpoint_event(each: Delivered, endpoint: Endpoint | None, history: History) -> Iterator[str]:
    if endpoint is None:
        if history.final:
            yield f"{each.path} got {each.webhook_id}, and is no endpoint"
        return
    name = f"{each.webhook_id} at {each.path}"
    if not endpoint.wants(each.event):
        yield f"{name} is {each.event.type}, which was not asked for"
    if endpoint.created_at is not None and each.event.timestamp < endpoint.created_at:
        yield f"{name} is older than the endpoint"
    if endpoint.deleted is not None and each.at > endpoint.deleted + _IN_FLIGHT_S:
        yield f"{name} came {each.at - endpoint.deleted:.0f} s after the endpoint was deleted"
    yield from _wrong_signatures(each, endpoint, name)


def _wrong_signatures(each: Delivered, endpoint: Endpoint, name: str) -> Iterator[str]:
    """The newest secret signs, and the one before during its grace period."""
    if len(each.signed_by) != each.signatures:
        yield f"{name} has {each.signatures} signatures, of which {len(each.signed_by)} are valid"
    if any(rotation.status != 200 for rotation in endpoint.rotations):
        return  # nobody knows which secrets are in force
    settled = [rotation for rotation in endpoint.rotations if rotation.at < each.at - _IN_FLIGHT_S]
    newest = settled[-1].secret if settled else 0
    if max(each.signed_by, default=newest) < newest:
        yield f"{name} is not signed with the newest secret"
    for before, rotation in zip([0, *(one.secret for one in settled)], settled, strict=False):
        is_over = each.at > rotation.at + rotation.grace_seconds + _IN_FLIGHT_S
        if is_over and before in each.signed_by:
            yield f"{name} is signed with a secret whose grace period is over"
