"""Reads a tenant's event log, which is ordered and without holes, page by page from a cursor."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from jobs.core.errors.request import CursorExpired, JobNotFound
from jobs.core.errors.store import RecordTooNew
from jobs.core.events import Cursor
from jobs.store import keys
from jobs.store.client import translated_errors


@dataclass(frozen=True, slots=True)
class EventPage:
    """Bodies in order, and the cursor after the last of them; if there are none, the cursor that
    was asked from."""

    bodies: list[bytes]
    next_cursor: Cursor
    has_more: bool
    """Whether the log had events after `next_cursor` when it was read."""


class EventLog:
    """Reads logs. Writing is part of every transition (`scripts/common/_event.lua`)."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def head(self, tenant: str) -> Cursor:
        """Returns the position after the newest event. A tenant without events has the epoch
        ``0``."""
        with translated_errors():
            epoch, sequence = await self._redis.hmget(  # type: ignore[misc]
                keys.TENANT + tenant, ["epoch", "sequence"]
            )
        return Cursor(epoch.decode() if epoch else "0", int(sequence or 0))

    async def page(self, tenant: str, after: Cursor | None, limit: int) -> EventPage:
        """Returns up to `limit` events after the cursor, or from the oldest kept.

        Raises:
            CursorExpired: events after the cursor are gone already, or it belongs to another epoch.
            RecordTooNew: a newer release wrote one of the events.
        """
        with translated_errors():
            async with self._redis.pipeline(transaction=True) as pipe:
                start = f"({after.sequence}-0" if after else "-"
                pipe.hmget(keys.TENANT + tenant, ["epoch", "sequence"])
                pipe.xrange(keys.LOG + tenant, min=start, max="+", count=limit)
                pipe.xrange(keys.LOG + tenant, count=1)
                (epoch, sequence), entries, oldest = await pipe.execute()
        head = Cursor(epoch.decode() if epoch else "0", int(sequence or 0))
        if after is not None:
            _check_reachable(after, head, _sequence(oldest[0][0]) if oldest else head.sequence + 1)
        position = _sequence(entries[-1][0]) if entries else (after.sequence if after else head.sequence)
        return EventPage(
            [_body(fields) for _, fields in entries],
            Cursor(head.epoch, position),
            has_more=position < head.sequence,
        )

    async def of_job(self, tenant: str, job_id: str) -> list[bytes]:
        """Returns the bodies of one job's events that the log still has, oldest first.

        Raises:
            JobNotFound: the tenant has no such job.
        """
        with translated_errors():
            owner, events = await self._redis.hmget(  # type: ignore[misc]
                keys.JOB + job_id, ["tenant", "events"]
            )
            if owner is None or owner.decode() != tenant:
                raise JobNotFound(job_id)
            async with self._redis.pipeline(transaction=False) as pipe:
                for sequence in events.decode().split(","):
                    pipe.xrange(keys.LOG + tenant, min=f"{sequence}-0", max=f"{sequence}-0")
                found = await pipe.execute()
        return [_body(entries[0][1]) for entries in found if entries]


def _check_reachable(after: Cursor, head: Cursor, oldest: int) -> None:
    if after.epoch != head.epoch and not (head.epoch == "0" or after == Cursor("0", 0)):
        detail = "The event log was made anew since this cursor was given."
    elif after.sequence > head.sequence:
        detail = "The cursor is ahead of the event log."
    elif after.sequence + 1 < oldest:
        detail = "Events after this cursor are no longer kept."
    else:
        return
    raise CursorExpired(
        detail + " List the jobs to see where they stand, then go on from the cursor given here.", str(head)
    )


def _body(fields: dict[bytes, bytes]) -> bytes:
    version = int(fields.get(b"v", 1))
    if version > keys.RECORD_VERSION:
        raise RecordTooNew(
            f"A newer release of Pressrun wrote an event (v={version}) that this one cannot read."
        )
    return fields[b"e"]


def _sequence(stream_id: bytes) -> int:
    return int(stream_id.partition(b"-")[0])
