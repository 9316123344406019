"""Events as they travel: the stored bytes and what a reader needs to route them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.core.errors.request import InvalidInput

EVENT_TYPES = (
    "job.scheduled",
    "job.queued",
    "job.started",
    "job.retrying",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.expired",
    "batch.completed",
    "webhook_endpoint.disabled",
    "webhook_delivery.exhausted",
)
"""Every type that the scripts write to the log."""

_CURSOR = re.compile(r"([0-9a-z]{1,16})\.(0|[1-9][0-9]{0,15})\Z")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last event seen of a tenant's log: `epoch.sequence`, opaque to clients."""

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Parses a cursor. Raises InvalidInput if `text` is none."""
        match = _CURSOR.match(text)
        if match is None:
            raise InvalidInput(
                f"{text[:40]!r} is not a cursor. Use one that an earlier answer gave, or none to start over.",
                [{"pointer": "/after", "message": "not a cursor"}],
            )
        return cls(match[1], int(match[2]))


@dataclass(frozen=True, slots=True)
class Event:
    """One change. `body` is JSON; every channel sends exactly these bytes."""

    tenant: str
    sequence: int
    type: str
    job_id: str | None
    version: int | None
    body: bytes
    epoch: str = "0"
    """Of the event's log; ``0`` if an early release wrote the event."""
    written_ms: int = field(default=0, compare=False)
    """When it was written to the bus, by the store's clock; 0 if it was not read from there."""

    @property
    def cursor(self) -> Cursor:
        """The position in the tenant's log right after this event."""
        return Cursor(self.epoch, self.sequence)

    @classmethod
    def from_bus(cls, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Event:
        """Reads an entry of the bus, as `scripts/common/_event.lua` writes it."""
        job_id, version = fields.get(b"j"), fields.get(b"n")
        return cls(
            tenant=fields[b"t"].decode(),
            sequence=int(fields[b"s"]),
            type=fields[b"y"].decode(),
            job_id=job_id.decode() if job_id else None,
            version=int(version) if version else None,
            body=fields[b"e"],
            epoch=fields.get(b"p", b"0").decode(),
            written_ms=int(entry_id.partition(b"-")[0]),
        )


@dataclass(frozen=True, slots=True)
class ProgressUpdate:
    """How far a run is. `progress` is JSON. Only the latest value is kept, and it is no event."""

    tenant: str
    job_id: str
    claim: int
    progress: bytes
