"""The outbox: references to events that webhooks have to deliver.

The step that writes an event writes its reference, too (the transactional outbox pattern). The
notifiers read it as one consumer group, so that each reference is read by one of them.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from jobs.core.ids import new_ulid
from jobs.store import keys
from jobs.store.client import BLOCK_MS, translated_errors

GROUP = "webhooks"
READ_AT_ONCE = 200
ABANDONED_MS = 30_000
"""A reference that was read this long ago and not acknowledged goes to another notifier."""
LOOKS_AHEAD = 4
"""A notifier looks every ten seconds. If a reference seems to have been read just now at so many
looks in a row, the store's clock was ahead when it was read."""
_DEAD_CONSUMER_MS = 3_600_000
_SAMPLED = 50


@dataclass(frozen=True, slots=True)
class Reference:
    entry: bytes
    tenant: str
    sequence: int


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """An event that is kept for its deliveries. `url` is the `webhook_url` of its job, if any."""

    id: str
    type: str
    body: bytes
    url: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    references: int
    oldest_ms: int | None
    """When the oldest reference was written, in Unix milliseconds."""
    body_bytes: int
    """About how much memory the events take, judged by the mean of the oldest."""


class Outbox:
    """One reader of the group.

    Every method raises `StoreUnavailable` if the store does not answer.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._name = f"{socket.gethostname()[:40]}-{os.getpid()}-{new_ulid()[-6:]}"
        self._just_read: dict[bytes, int] = {}
        """References, and at how many looks in a row they were read just now."""

    async def join(self) -> None:
        """Makes the group if it does not exist. Call it again if the store may be a new one."""
        with translated_errors():
            try:
                await self._redis.xgroup_create(keys.OUTBOX, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    async def read(self) -> list[Reference]:
        """Returns references that nobody has read, as soon as there are any; [] after a second."""
        with translated_errors():
            answer = await self._redis.xreadgroup(
                GROUP, self._name, {keys.OUTBOX: ">"}, count=READ_AT_ONCE, block=BLOCK_MS
            )
        return _references(answer[0][1]) if answer else []

    async def reclaim(self, abandoned_ms: int = ABANDONED_MS) -> list[Reference]:
        """Takes over references that a notifier has read and left; forgets readers long gone."""
        with translated_errors():
            _, entries, *_ = await self._redis.xautoclaim(
                keys.OUTBOX, GROUP, self._name, abandoned_ms, count=READ_AT_ONCE
            )
            entries += await self._reclaim_ahead()
            for consumer in await self._redis.xinfo_consumers(keys.OUTBOX, GROUP):
                if consumer["idle"] > _DEAD_CONSUMER_MS and not consumer["pending"]:
                    await self._redis.xgroup_delconsumer(keys.OUTBOX, GROUP, consumer["name"])
        return _references(entries)

    async def _reclaim_ahead(self) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Takes over references that were read when the store's clock was ahead.

        Until it has caught up, the store says of them that they were read just now. Being wrong
        costs little: deliveries that were made are left alone.
        """
        pending = await self._redis.xpending_range(keys.OUTBOX, GROUP, "-", "+", READ_AT_ONCE)
        ids = [each["message_id"] for each in pending if each["time_since_delivered"] == 0]
        self._just_read = {each: self._just_read.get(each, 0) + 1 for each in ids}
        ahead = [each for each in ids if self._just_read[each] == LOOKS_AHEAD]
        if not ahead:
            return []
        claimed = await self._redis.xclaim(keys.OUTBOX, GROUP, self._name, 0, ahead)
        return [entry for entry in claimed if entry[0] is not None]

    async def hold(self, reference: Reference) -> None:
        """Keeps others from taking the reference over for another `ABANDONED_MS`."""
        with translated_errors():
            await self._redis.xclaim(keys.OUTBOX, GROUP, self._name, 0, [reference.entry], justid=True)

    async def events(self, references: list[Reference]) -> tuple[list[OutboxEvent | None], dict[str, int]]:
        """Returns the events, and the number of the last change of each tenant's endpoints.

        None stands for an event that nobody needs any more.
        """
        tenants = list({reference.tenant for reference in references})
        with translated_errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                for tenant in tenants:
                    pipe.hget(keys.TENANT + tenant, "endpoint_changes")
                for each in references:
                    pipe.hmget(f"{keys.EVENT}{each.tenant}:{each.sequence}", ["id", "type", "body", "url"])
                answers = await pipe.execute()
        changes = {tenant: int(answer or 0) for tenant, answer in zip(tenants, answers, strict=False)}
        return [_event(fields) for fields in answers[len(tenants) :]], changes


async def read_backlog(redis: Redis) -> Backlog:
    with translated_errors():
        async with redis.pipeline(transaction=False) as pipe:
            pipe.xlen(keys.OUTBOX)
            pipe.xrange(keys.OUTBOX, count=_SAMPLED)
            count, entries = await pipe.execute()
        oldest = _references(entries)
        async with redis.pipeline(transaction=False) as pipe:
            for each in oldest:
                pipe.hstrlen(f"{keys.EVENT}{each.tenant}:{each.sequence}", "body")
            sizes = await pipe.execute()
    if not oldest:
        return Backlog(0, None, 0)
    return Backlog(count, int(oldest[0].entry.partition(b"-")[0]), count * sum(sizes) // len(sizes))


def _references(entries: list[tuple[bytes, dict[bytes, bytes]]]) -> list[Reference]:
    return [Reference(entry, fields[b"t"].decode(), int(fields[b"s"])) for entry, fields in entries]


def _event(fields: list[bytes | None]) -> OutboxEvent | None:
    id, type, body, url = fields
    if id is None or type is None or body is None:
        return None
    return OutboxEvent(id.decode(), type.decode(), body, url.decode() if url else None)
