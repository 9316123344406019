"""Causes the faults of a schedule in a running system, and ends them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.chaos.schedule import STORE, Fault, Kind
from tests.chaos.system import System

SLOW_LATENCY_S = 0.15
SLOW_BYTES_PER_S = 50_000
ROOM_BYTES = 256 * 1024
"""What the store may still take when its memory is nearly full."""
ROOT_TRIES = 50


class Saboteur:
    """Causes faults. `seed` decides which child process is hit; the schedule decides the rest."""

    def __init__(self, system: System, seed: int, say: Callable[[str], None]) -> None:
        self.caused: Counter[str] = Counter()
        """How many of each kind."""
        self._system = system
        self._chance = random.Random(f"children {seed}")
        self._say = say

    async def play(self, faults: Sequence[Fault]) -> None:
        """Causes each fault at its time, and returns when the last one has ended."""
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for fault in faults:
                await asyncio.sleep(started_at + fault.at_s - loop.time())
                tasks.create_task(self._play_one(fault))

    async def _play_one(self, fault: Fault) -> None:
        async with self._caused(fault) as is_caused:
            self._say(f"{fault.at_s:7.1f} s  {fault}{'' if is_caused else ' (not possible here)'}")
            if is_caused:
                self.caused[fault.kind] += 1
                await asyncio.sleep(fault.for_s)

    @contextlib.asynccontextmanager
    async def _caused(self, fault: Fault) -> AsyncIterator[bool]:
        """Inside the block the fault is there. Yields False if it cannot be caused."""
        system, victim = self._system, fault.victim
        match fault.kind:
            case Kind.KILL | Kind.TERMINATE:
                self._send(victim, signal.SIGKILL if fault.kind == Kind.KILL else signal.SIGTERM)
                yield True
            case Kind.FREEZE:
                self._send(victim, signal.SIGSTOP)
                yield True
                self._send(victim, signal.SIGCONT)
            case Kind.KILL_CHILD | Kind.FREEZE_CHILD:
                children = system.processes[victim].children()
                pid = self._chance.choice(children) if children else None
                _send(pid, signal.SIGKILL if fault.kind == Kind.KILL_CHILD else signal.SIGSTOP)
                yield pid is not None
                if fault.kind == Kind.FREEZE_CHILD:
                    _send(pid, signal.SIGCONT)
            case Kind.RESET:
                system.proxies[victim].reset()
                yield True
            case Kind.REFUSE:
                async with system.proxies[victim].refusing():
                    yield True
            case Kind.SLOW:
                with system.proxies[victim].slowed(SLOW_LATENCY_S, SLOW_BYTES_PER_S):
                    yield True
            case Kind.STALL:
                with system.proxies[victim].stalled():
                    yield True
            case Kind.LOSE_ANSWERS:
                with system.proxies[victim].losing_answers():
                    yield True
            case Kind.FULL | Kind.READ_ONLY:
                async with self._broken_disk(fault) as is_broken:
                    yield is_broken
            case Kind.NO_MEMORY:
                await self._limit_memory(ROOM_BYTES)
                yield True
                await self._limit_memory(None)

    def _send(self, victim: str, number: signal.Signals) -> None:
        if victim == STORE:
            self._system.send_store(number)
        else:
            self._system.processes[victim].send(number)

    @contextlib.asynccontextmanager
    async def _broken_disk(self, fault: Fault) -> AsyncIterator[bool]:
        disk = self._system.disks.get(fault.victim)
        if disk is None:
            yield False
            return
        is_broken = await _insist(disk.fill if fault.kind == Kind.FULL else disk.make_read_only)
        yield is_broken
        await _insist(disk.heal)

    async def _limit_memory(self, room_bytes: int | None) -> None:
        """Lets the store take this much more memory; None ends the limit.

        A store that is away forgets its limit when it is started again.
        """
        async with Redis.from_url(self._system.store.url, socket_timeout=60) as redis:
            with contextlib.suppress(RedisError):
                used = int((await redis.info("memory"))["used_memory"])
                await redis.config_set("maxmemory", 0 if room_bytes is None else used + room_bytes)


def _send(pid: int | None, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        if pid is not None:
            os.kill(pid, number)


async def _insist(step: Callable[[], None]) -> bool:
    """Takes a step that fails while a file is being written; returns whether it succeeded."""
    for _ in range(ROOT_TRIES):
        try:
            await asyncio.to_thread(step)
        except subprocess.CalledProcessError:
            await asyncio.sleep(0.02)
        else:
            return True
    return False
