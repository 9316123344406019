"""Tenants never see each other's jobs, by no request, event or list."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.observations import Listed, Probed, Received, Subscribed
from tests.chaos.promises.history import History, job_of


def broken(history: History) -> Iterator[str]:
    for each in history.of(Probed):
        if each.status is not None and each.status < 500 and each.status != 404:
            yield f"{each.tenant} got {each.status} for {each.path}, which belongs to {each.owner}"
    for tenant, events in history.log.items():
        for event in events.values():
            if event.job is not None and not _is_of(event.job.nonce, tenant):
                yield f"the log of {tenant} has {event.job.id} with {event.job.nonce}"
            asked = history.accepted.get(event.job.id) if event.job else None
            if event.job is not None and asked is not None and asked.tenant != tenant:
                yield f"the log of {tenant} has {event.job.id} of {asked.tenant}"
    for listed in history.of(Listed):
        for job_id, _, _ in listed.jobs:
            if history.tenants.get(job_id, listed.tenant) != listed.tenant:
                yield f"a list of {listed.tenant} has {job_id} of {history.tenants[job_id]}"
    owners = {each.reader: each.tenant for each in history.of(Subscribed)}
    for received in history.of(Received):
        owner = history.tenants.get(job_of(received.id))
        if owner is not None and owners.get(received.reader, owner) != owner:
            yield f"{received.reader} got {received.id} of {owner}"


def _is_of(nonce: str | None, tenant: str) -> bool:
    return nonce is None or nonce.startswith(f"nonce-{tenant}-")
