"""The outbox: references to events that webhooks are owed, read by a group of notifiers, each reference by one."""

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
"""A reference that was read this long ago without being acknowledged is another notifier's to read."""
_DEAD_CONSUMER_MS = 3_600_000
_SAMPLED = 50


@dataclass(frozen=True, slots=True)
class Reference:
    """An entry of the outbox."""

    entry: bytes
    tenant: str
    sequence: int


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """An event that was kept because webhooks are owed it. `url`: that of its job's `webhook_url`."""

    id: str
    type: str
    body: bytes
    url: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What nobody has dispatched yet."""

    references: int
    oldest_ms: int | None
    """When the oldest was written, Unix milliseconds."""
    body_bytes: int
    """What the events themselves take in the store, about: as many as the oldest do on average."""


class Outbox:
    """One reader of the group. Every method raises `StoreUnavailable` where the store does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._name = f"{socket.gethostname()[:40]}-{os.getpid()}-{new_ulid()[-6:]}"

    async def join(self) -> None:
        """Makes the group where it is not there yet. Call it again when the store may be a new one."""
        with translated_errors():
            try:
                await self._redis.xgroup_create(keys.OUTBOX, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    async def read(self) -> list[Reference]:
        """References that nobody has read, as soon as there are some; none after about a second."""
        with translated_errors():
            answer = await self._redis.xreadgroup(
                GROUP, self._name, {keys.OUTBOX: ">"}, count=READ_AT_ONCE, block=BLOCK_MS
            )
        return _references(answer[0][1]) if answer else []

    async def reclaim(self, abandoned_ms: int = ABANDONED_MS) -> list[Reference]:
        """References that a notifier read and left; also forgets readers that are long gone."""
        with translated_errors():
            _, entries, *_ = await self._redis.xautoclaim(
                keys.OUTBOX, GROUP, self._name, abandoned_ms, count=READ_AT_ONCE
            )
            for consumer in await self._redis.xinfo_consumers(keys.OUTBOX, GROUP):
                if consumer["idle"] > _DEAD_CONSUMER_MS and not consumer["pending"]:
                    await self._redis.xgroup_delconsumer(keys.OUTBOX, GROUP, consumer["name"])
        return _references(entries)

    async def hold(self, reference: Reference) -> None:
        """It is still being worked on: nobody takes it over for another `ABANDONED_MS`."""
        with translated_errors():
            await self._redis.xclaim(keys.OUTBOX, GROUP, self._name, 0, [reference.entry], justid=True)

    async def events(self, references: list[Reference]) -> tuple[list[OutboxEvent | None], dict[str, int]]:
        """The events, None where nobody is owed one any more; and the last change of each tenant's endpoints."""
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
    """How much of the outbox waits."""
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
