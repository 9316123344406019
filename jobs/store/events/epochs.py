"""Gives a log a new epoch if it lost events that this process had seen, as it may in an outage of
the store."""

from __future__ import annotations

import json
import random

import structlog

from jobs.core.events import Event
from jobs.store.scripts import Scripts

log = structlog.get_logger(__name__)


def new_epoch() -> str:
    """Returns a random name for one life of an event log."""
    return f"{random.getrandbits(32):08x}"


class Epochs:
    """Remembers the newest event of each log that this process has seen."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._newest: dict[str, Event] = {}

    def saw(self, event: Event) -> None:
        self._newest[event.tenant] = event

    async def renew_where_lost(self) -> bool:
        """Begins a new epoch of each log that no longer has its event. Returns whether there was
        one.

        Several processes may do this at once: one of them makes the epoch, and all see it.

        Raises:
            StoreUnavailable: some logs were not checked; call it again.
        """
        has_lost = False
        for tenant, event in tuple(self._newest.items()):
            event_id = json.loads(event.body)["id"]
            answer = await self._scripts.call(
                "epoch",
                tenant=tenant,
                seen_epoch=event.epoch,
                seen_sequence=event.sequence,
                event_id=event_id,
                new_epoch=new_epoch(),
            )
            epoch = answer.decode() if answer else None
            if epoch != event.epoch:
                log.error("events.lost", tenant=tenant, sequence=event.sequence, epoch=epoch)
                del self._newest[tenant]
                has_lost = True
        return has_lost
