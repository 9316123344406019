"""Connects to Redis or Valkey: URLs, timeouts, and the errors of a store that is away."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hiredis
import structlog
from arq.connections import ArqRedis
from redis.asyncio import Redis, SentinelConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
    WatchError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from jobs.core.errors.store import ClusterRefused, RecordTooNew, StoreFull, StoreUnavailable
from jobs.core.settings import REDIS_EXPECTED, SENTINEL_SCHEMES, BadSetting, Settings, sentinels
from jobs.process.disk_room import has_room

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 5.0
"""Longest wait for one answer: more than a blocking read (`BLOCK_MS`), less than a client waits."""
BLOCK_MS = 1_000
"""How long one blocking read (doorbell, bus) waits in the store."""
MAX_CONNECTIONS = 64
CLUSTER_REFUSED = (
    "REDIS_URL names a cluster. Pressrun's atomic steps span keys, so it needs one primary "
    "(with replicas and Sentinel for failover): point REDIS_URL at such a server."
)

_UNAVAILABLE = (
    RedisConnectionError,
    RedisTimeoutError,
    BusyLoadingError,
    MasterDownError,
    ClusterDownError,
    ReadOnlyError,
    TryAgainError,
    WatchError,  # what redis-py makes of a connection that is lost after WATCH; only arq uses that
    OSError,
)


class _DiskFull(RedisConnectionError):
    """The store is on this machine, does not listen, and has no room on its disk."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turns what redis-py raises for a lost or full store into a `StoreError`."""
    try:
        yield
    except OutOfMemoryError as error:
        raise StoreFull(
            "The store is out of memory. Try again later: jobs that are deleted or expire make room. "
            "More memory for the store does, too."
        ) from error
    except _DiskFull as error:
        raise StoreUnavailable(
            "The store has stopped because its disk is full. It goes on by itself when there is room again."
        ) from error
    except _UNAVAILABLE as error:
        raise StoreUnavailable(
            f"The store does not answer ({type(error).__name__}). Try again soon."
        ) from error
    except RedisError as error:
        if str(error).startswith(("MISCONF", "NOREPLICAS", "UNKILLABLE", "BUSY", "OOM", "MASTERDOWN")):
            raise StoreUnavailable(f"The store refuses writes: {str(error)[:200]}") from error
        if str(error).startswith("TOONEW"):
            raise RecordTooNew(f"A newer release of Pressrun wrote this: {str(error)[:80]}.") from error
        if "on cluster" in str(error):
            raise StoreUnavailable(f"REDIS_URL names a cluster, which is not supported: {error}") from error
        raise


def raise_if_cancelled() -> None:
    """Ends a task whose cancellation a call to the store has swallowed. For loops over such calls.

    redis-py sends through `asyncio.wait_for`, which before Python 3.12 loses a cancellation that
    comes at the same moment as the inner result (https://github.com/python/cpython/issues/86296).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def connect(settings: Settings) -> ArqRedis:
    """Returns a client with its own pool for `settings.redis_url`. It connects when first used.

    Every socket has timeouts and keepalive, so that a half-open connection cannot hang. A call over
    a connection that went stale in the pool is made a second time at once: all writes are scripts
    that are safe to send twice. Raises BadSetting for an option that redis-py does not take.
    """
    options: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": ANSWER_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 1),
        "retry_on_error": [RedisConnectionError],
        "health_check_interval": 0,
        "max_connections": MAX_CONNECTIONS,
    }
    url = urlsplit(settings.redis_url)
    if url.scheme != "unix":  # a socket on this machine cannot be half-open
        options |= {"socket_keepalive": True, "socket_keepalive_options": _keepalive_options()}
    try:
        if url.scheme in SENTINEL_SCHEMES:
            pool = _sentinel_pool(settings.redis_url, options)
        else:
            pool = Redis.from_url(settings.redis_url, **options).connection_pool
        pool.connection_class = _mended(pool.connection_class)
        pool.make_connection()  # type: ignore[no-untyped-call] # does not connect, but checks the options
    except (TypeError, ValueError, AttributeError, RedisError) as error:
        reason = str(error).rstrip(".")
        raise BadSetting(
            "REDIS_URL", f"has an option that does not fit ({reason})", REDIS_EXPECTED
        ) from error
    return ArqRedis(pool_or_conn=pool, job_serializer=_entry_json, job_deserializer=json.loads)


def _mended(connection_class: type[AbstractConnection]) -> type[AbstractConnection]:
    """Returns the connection class with three changes.

    If a store on this machine has stopped because its disk is full, the error says so. Commands are
    packed in C, as redis-py's blocking client does: four times as fast. And if it closes during a
    write, it is lost also under uvloop, whose transport raises RuntimeError then.
    """

    class MendedConnection(connection_class):  # type: ignore[misc, valid-type]
        async def connect(self) -> None:
            try:
                await super().connect()
            except RedisConnectionError as error:
                path = getattr(self, "path", None)  # that of a Unix socket
                if path is not None and _is_on_a_full_disk(Path(path)):
                    raise _DiskFull from error
                raise

        async def send_packed_command(
            self, command: bytes | str | Iterable[bytes], check_health: bool = True
        ) -> None:
            try:
                await super().send_packed_command(command, check_health)
            except RuntimeError as error:
                raise RedisConnectionError(f"Closed while it was written to. {error}") from error

        def pack_command(self, *args: Any) -> list[bytes]:
            name, *rest = args
            words = name.encode().split() if isinstance(name, str) else name.split()
            return [hiredis.pack_command((*words, *rest))]

        def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]:
            return [b"".join(self.pack_command(*command)[0] for command in commands)]

    return MendedConnection


def _is_on_a_full_disk(path: Path) -> bool:
    return path.parent.is_dir() and not has_room(path.parent)


def _entry_json(entry: dict[str, Any]) -> bytes:
    """arq's job entries as JSON, never pickle."""
    return json.dumps(entry, separators=(",", ":")).encode()


def _keepalive_options() -> dict[int, int]:
    names = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): value for name, value in names.items() if hasattr(socket, name)}


def _sentinel_pool(url: str, options: dict[str, Any]) -> SentinelConnectionPool:
    """``redis+sentinel://[user:password@]host:port,host:port/service/db``"""
    parts = urlsplit(url)
    credentials, _, _ = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    service, _, db = parts.path.strip("/").partition("/")
    sentinel = Sentinel(sentinels(url), socket_timeout=CONNECT_TIMEOUT_S)  # type: ignore[no-untyped-call]
    master = sentinel.master_for(
        service or "mymaster",
        db=int(db or 0),
        username=username or None,
        password=password or None,
        ssl=parts.scheme.startswith("rediss") or "ssl" in parse_qs(parts.query),
        **options,
    )
    pool = master.connection_pool
    assert isinstance(pool, SentinelConnectionPool)  # noqa: S101 (what master_for makes)
    return pool


async def wait_for_store(redis: Redis) -> None:
    """Returns when the store answers. Logs once that it does not, and tries again with jitter."""
    said = False
    delay_s = 0.1
    while True:
        raise_if_cancelled()
        try:
            with translated_errors():
                await redis.ping()
            return raise_if_cancelled()
        except StoreUnavailable as error:
            if not said:
                log.warning("store.waiting", reason=str(error))
                said = True
            await asyncio.sleep(delay_s * (0.5 + random.random()))  # noqa: S311 (jitter)
            delay_s = min(delay_s * 2, 2.0)


async def read_info(redis: Redis, section: str | None = None) -> dict[str, Any] | None:
    """Returns what INFO tells, of one section or of all; None if the store forbids INFO.

    Raises StoreUnavailable.
    """
    with translated_errors():
        try:
            info: dict[str, Any] = await redis.info(section)
        except ResponseError:  # hosted stores may forbid it
            return None
    return info


async def wait_for_usable_store(redis: Redis) -> None:
    """Returns when the store answers and is no cluster. Raises ClusterRefused."""
    while True:
        await wait_for_store(redis)
        try:
            return await refuse_cluster(redis)
        except StoreUnavailable:  # it went away between the two
            await asyncio.sleep(0.1)


async def refuse_cluster(redis: Redis) -> None:
    """Raises ClusterRefused if the store is a cluster: the scripts touch keys of many slots."""
    info = await read_info(redis, "cluster")
    if info is not None and int(info.get("cluster_enabled", 0)):
        raise ClusterRefused(CLUSTER_REFUSED)
