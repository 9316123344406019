"""Logs that lost what somebody had seen already: noticed after an outage of the store, and given a new epoch."""

from __future__ import annotations

import json
import random

import structlog

from jobs.core.events import Event
from jobs.store.scripts import Scripts

log = structlog.get_logger(__name__)


def new_epoch() -> str:
    """A random name for one life of an event log."""
    return f"{random.getrandbits(32):08x}"


class Epochs:
    """The newest event of each log that this process has seen."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._newest: dict[str, Event] = {}

    def saw(self, event: Event) -> None:
        self._newest[event.tenant] = event

    async def renew_where_lost(self) -> bool:
        """Begins a new epoch of each log that no longer has its event; whether any log is not what it was.

        Several processes may do this at once: one of them makes the epoch, all see it.

        Raises:
            StoreUnavailable: nothing is known; do it again.
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
