"""Checks templates, schemas and data in child processes, and kills checks that take too long.

A few hundred hostile bytes can make Jinja2 and JSON Schema work for hours and hold Python's lock,
so the web process runs neither. A child starts when a check finds none idle. The checks of one
tenant wait for each other. If all children are busy, the oldest check is ended to make room.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from signal import SIGPROF
from typing import Any, Literal, cast
from weakref import WeakValueDictionary

import structlog

from jobs.core.errors.request import CheckUnavailable
from jobs.core.settings import IsolationMode
from jobs.process.testsignal import TestSignal
from jobs.render.parent.spawn import kill_group, spawn
from jobs.render.protocol import wire

log = structlog.get_logger(__name__)

CPU_SECONDS = 2.0
"""Processor time that one check may use."""
_WALL_SECONDS = 20.0
"""A child without an answer by then got no processor time, which is not the template's fault."""
_MEMORY_BYTES = 256 * 1024 * 1024
"""What a check may map beside the libraries: enough to compile 300 KB of dense template."""
MAX_CHILDREN = 4
"""Each takes 35 MB at rest. A tenant waits for others only if so many of them send slow checks."""
_PATIENCE_SECONDS = 0.2
_UNDISTURBED_SECONDS = 0.4
"""When all children are busy: how long a check waits, and how long the oldest one may have run,
before the oldest is ended. Even if a new child has to start then, nobody waits for a second."""
_MAX_ANSWER_BYTES = 1024 * 1024
CHILD_COMMAND = (sys.executable, "-m", "jobs.templates.check_child")

Flaw = dict[str, str]
What = Literal["html", "schema", "data"]

_TOO_MUCH: Mapping[What, str] = {
    "html": "it is too large or too deeply nested to be compiled",
    "schema": "it is too large to be compiled",
    "data": "checking the data against the schema takes too long: make one of them simpler",
}
_MISFIT = "the data does not fit the schema, and has too many flaws to list"


class Checker:
    """Runs checks in child processes. Use it from one event loop only.

    The checks return flaws, with pointers below `pointer`. They raise `CheckUnavailable` if the
    child did not start or answer, or if the check was ended to make room for others.
    """

    def __init__(
        self,
        isolation: IsolationMode = "auto",
        cpu_seconds: float = CPU_SECONDS,
        child_command: Sequence[str] = CHILD_COMMAND,
    ) -> None:
        self._isolation = isolation
        self._cpu_seconds = cpu_seconds
        self._child_command = child_command
        self._slots = [_Slot() for _ in range(MAX_CHILDREN)]
        self._free: asyncio.LifoQueue[_Slot] = asyncio.LifoQueue()  # the slot used last has a warm child
        for slot in self._slots:
            self._free.put_nowait(slot)
        self._tenant_is_free: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.check_sent: TestSignal[int] = TestSignal()
        """A child has got a check to work on; the value is its process id."""

    async def html(self, tenant: str, html: str, pointer: str) -> list[Flaw]:
        return await self._check(tenant, "html", pointer, html.encode())

    async def schema(self, tenant: str, schema: Mapping[str, Any], pointer: str) -> list[Flaw]:
        return await self._check(tenant, "schema", pointer, _json(schema))

    async def data(
        self, tenant: str, schema: Mapping[str, Any], data: Mapping[str, Any], pointer: str
    ) -> list[Flaw]:
        """Returns where `data` does not fit `schema`."""
        return await self._check(tenant, "data", pointer, _json([schema, data]))

    async def close(self) -> None:
        for slot in self._slots:
            await slot.empty()

    async def _check(self, tenant: str, what: What, pointer: str, body: bytes) -> list[Flaw]:
        async with self._tenant_is_free.setdefault(tenant, asyncio.Lock()):
            try:
                return await self._run(what, pointer, body)
            except _ChildDied as died:
                if died.exit_code == -SIGPROF:
                    return [{"pointer": pointer, "message": died.flaw}]
            try:
                # The reason why the child died may not lie in the check.
                return await self._run(what, pointer, body)
            except _ChildDied as died:
                return [{"pointer": pointer, "message": died.flaw}]

    async def _run(self, what: What, pointer: str, body: bytes) -> list[Flaw]:
        slot = await self._take()
        try:
            async with asyncio.timeout(_WALL_SECONDS):
                return await self._ask(slot, what, pointer, body)
        except BaseException as error:
            # Also if the caller was cancelled: its answer would be taken for the next one.
            await slot.empty()
            if slot.gave_way or isinstance(error, TimeoutError | OSError | wire.WireError):
                reason = "others wait" if slot.gave_way else str(error) or type(error).__name__
                log.warning("template.not_checked", what=what, error=reason)
                raise CheckUnavailable(
                    "The template or its data could not be checked just now. Send it again in a moment."
                ) from error
            raise
        finally:
            self._free.put_nowait(slot)

    async def _take(self) -> _Slot:
        """Returns a slot, in the order of the calls. Ends the oldest check if all stay busy."""
        while True:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    slot = await self._free.get()
            except TimeoutError:
                self._make_one_give_way()
            else:
                slot.gave_way, slot.busy_since = False, time.monotonic()
                return slot

    def _make_one_give_way(self) -> None:
        longest = min(self._slots, key=lambda slot: slot.busy_since)
        if time.monotonic() - longest.busy_since > _UNDISTURBED_SECONDS and longest.child is not None:
            longest.gave_way = True
            longest.child.kill()

    async def _ask(self, slot: _Slot, what: What, pointer: str, body: bytes) -> list[Flaw]:
        if slot.child is None:
            slot.child = await _Child.start(self._child_command, self._cpu_seconds, self._isolation)
        child, flaw = slot.child, _TOO_MUCH[what]
        try:
            child.send({"what": what, "pointer": pointer}, body)
            self.check_sent.emit(child.pid)
            while "flaws" not in (answer := await child.receive()):
                flaw = _MISFIT
        except EOFError:
            child.kill()  # it may have closed its output only
            exit_code = await child.ended()
            log.info("template.check_died", what=what, exit_code=exit_code)
            raise _ChildDied(exit_code, flaw) from None
        flaws: list[Flaw] = answer["flaws"]
        return flaws


class _Slot:
    """Room for one check, and the child of the last one if it is still alive."""

    def __init__(self) -> None:
        self.child: _Child | None = None
        self.busy_since = 0.0
        """When the check in it began. `time.monotonic`."""
        self.gave_way = False

    async def empty(self) -> None:
        child, self.child = self.child, None
        if child is not None:
            child.kill()
            await child.ended()


class _ChildDied(Exception):
    """The child ended without an answer. `flaw` is what to report if the check was the cause."""

    def __init__(self, exit_code: int, flaw: str) -> None:
        super().__init__(exit_code, flaw)
        self.exit_code = exit_code
        self.flaw = flaw


class _Child:
    def __init__(self, process: Process) -> None:
        self._process = process
        self._requests = cast(asyncio.StreamWriter, process.stdin)
        self._answers = cast(asyncio.StreamReader, process.stdout)
        self._frames = wire.FrameDecoder(max_header_bytes=_MAX_ANSWER_BYTES, max_body_bytes=0)
        self._received: list[wire.Frame] = []

    @classmethod
    async def start(cls, command: Sequence[str], cpu_seconds: float, isolation: IsolationMode) -> _Child:
        """Starts a child and waits until it is ready. Raises OSError if it does not start."""
        process = await spawn(command, stdin=PIPE, stdout=PIPE)
        child = cls(process)
        try:
            child.send(
                {
                    "parent_pid": os.getpid(),
                    "memory_bytes": _MEMORY_BYTES,
                    "cpu_seconds": cpu_seconds,
                    "isolation": isolation,
                }
            )
            await child.receive()
        except BaseException as error:
            child.kill()
            await child.ended()
            if isinstance(error, EOFError):
                raise OSError(f"the check child ended with exit code {process.returncode}") from None
            raise
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        for part in wire.encode(header, body):
            self._requests.write(part)

    async def receive(self) -> Mapping[str, Any]:
        """Returns the next answer. Raises EOFError if the child has ended."""
        while not self._received:
            data = await self._answers.read(64 * 1024)
            if not data:
                raise EOFError
            self._received += self._frames.feed(data)
        return self._received.pop(0).header

    def kill(self) -> None:
        kill_group(self._process)

    async def ended(self) -> int:
        """Waits for the end of a child that was killed.

        Returns its exit code, as in `Process.returncode`. A child that ended by itself before it
        was killed has its own.
        """
        return await self._process.wait()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
