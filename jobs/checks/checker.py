"""Checks what tenants upload in child processes, and kills checks that take too long.

A few hundred hostile bytes can make Jinja2, JSON Schema and fontTools work for hours and hold
Python's lock, so the web process runs none of them. A child that has checked for a tenant is kept
for this tenant. Another tenant gets a fresh child, and one is always ready. The checks of one
tenant wait for each other. If too many checks run, the oldest one is ended to make room.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from signal import SIGPROF
from typing import Any, Literal, cast
from weakref import WeakValueDictionary

import structlog
from pydantic import ValidationError

from jobs.core.errors.request import CheckUnavailable, InvalidInput
from jobs.core.settings import IsolationMode
from jobs.fonts.font import MAX_FONT_BYTES, FontFacts
from jobs.process.testsignal import TestSignal
from jobs.render.parent.spawn import kill_group, spawn
from jobs.render.protocol import wire
from jobs.render.protocol.memory import ProcessUse

log = structlog.get_logger(__name__)

CPU_SECONDS = 2.0
"""Processor time that one check may use."""
_FONT_FACTOR = 5
"""How much more time a font has. WOFF2 is unpacked in Python: 0.5 s for 1 MB of TrueType."""
_WALL_SECONDS = 20.0
"""A child without an answer by then got no processor time, which is not the template's fault."""
_MEMORY_BYTES = 256 * 1024 * 1024
"""What a check may map beside the libraries: enough to compile 300 KB of dense template."""
MAX_CHECKS = 4
"""How many run at the same time. A tenant waits only if so many others send slow checks."""
_PATIENCE_SECONDS = 0.2
_UNDISTURBED_SECONDS = 0.4
"""When so many run: how long a check waits, and how long the oldest one may have run, before the
oldest is ended. Even if a new child has to start then, nobody waits for a second."""
MAX_CHILDREN = 8
"""How many children with a tenant there are. Each takes 35 MB at rest. Beside them there is one
fresh child. A tenant who has no child costs the start of Python, 0.15 s of processor time."""
_MAX_IDLE_BYTES = 64 * 1024 * 1024
"""Resident size above which a child is not kept, because Python returns little of its memory."""
_MAX_ANSWER_BYTES = 1024 * 1024
CHILD_COMMAND = (sys.executable, "-m", "jobs.checks.check_child")

Flaw = dict[str, str]
What = Literal["html", "schema", "data", "font"]

_TOO_MUCH: Mapping[What, str] = {
    "html": "it is too large or too deeply nested to be compiled",
    "schema": "it is too large to be compiled",
    "data": "checking the data against the schema takes too long: make one of them simpler",
    "font": "to read it takes too long or too much memory: send it as TrueType or OpenType",
}
_MISFIT = "the data does not fit the schema, and has too many flaws to list"


@dataclass(frozen=True, slots=True)
class CheckedFont:
    facts: FontFacts
    content: bytes
    """The font as TrueType or OpenType."""


class Checker:
    """Runs checks in child processes. Use it from one event loop only.

    The checks of templates return flaws, with pointers below `pointer`. All checks raise
    `CheckUnavailable` if the child did not start or answer, or if the check was ended to make room
    for others.
    """

    def __init__(
        self,
        isolation: IsolationMode = "auto",
        cpu_seconds: float = CPU_SECONDS,
        child_command: Sequence[str] = CHILD_COMMAND,
        *,
        max_checks: int = MAX_CHECKS,
        max_children: int = MAX_CHILDREN,
        max_idle_bytes: int = _MAX_IDLE_BYTES,
    ) -> None:
        """`max_children` is not less than `max_checks`."""
        self._isolation = isolation
        self._cpu_seconds = cpu_seconds
        self._child_command = child_command
        self._max_children = max_children
        self._max_idle_bytes = max_idle_bytes
        self._room = asyncio.Semaphore(max_checks)
        self._running: list[_Check] = []
        """The oldest is the first."""
        self._idle: dict[str, _Child] = {}
        """The child of each tenant who has one and no check that runs. The one used last is at the
        end."""
        self._spare: asyncio.Task[_Child | None] | None = None
        """Starts the fresh child. The result is None if it did not start."""
        self._tenant_is_free: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.check_sent: TestSignal[int] = TestSignal()
        """A child has got a check to work on; the value is its process id."""
        self.child_started: TestSignal[int] = TestSignal()
        """A child is ready; the value is its process id."""

    async def html(self, tenant: str, html: str, pointer: str) -> list[Flaw]:
        return await self._check(tenant, "html", pointer, html.encode())

    async def schema(self, tenant: str, schema: Mapping[str, Any], pointer: str) -> list[Flaw]:
        return await self._check(tenant, "schema", pointer, _json(schema))

    async def data(
        self, tenant: str, schema: Mapping[str, Any], data: Mapping[str, Any], pointer: str
    ) -> list[Flaw]:
        """Returns where `data` does not fit `schema`."""
        return await self._check(tenant, "data", pointer, _json([schema, data]))

    async def font(self, tenant: str, file: bytes) -> CheckedFont:
        """Returns what is in a font file. Raises InvalidInput: it cannot be used, and why."""
        answer = await self._answer(tenant, "font", "", file)
        if flaws := answer.header["flaws"]:
            raise InvalidInput(f"The font cannot be used: {flaws[0]['message']}.", flaws)
        try:
            return CheckedFont(FontFacts.model_validate(answer.header["facts"]), answer.body)
        except ValidationError as error:
            raise InvalidInput("The font cannot be used: what it says of itself is malformed.") from error

    async def close(self) -> None:
        """Kills all children."""
        if self._spare is not None:
            await _discard(self._spare)
        for child in [*self._idle.values(), *(check.child for check in self._running if check.child)]:
            await child.end()

    async def _check(self, tenant: str, what: What, pointer: str, body: bytes) -> list[Flaw]:
        flaws: list[Flaw] = (await self._answer(tenant, what, pointer, body)).header["flaws"]
        return flaws

    async def _answer(self, tenant: str, what: What, pointer: str, body: bytes) -> wire.Frame:
        """Returns the answer of a child: with flaws, or with none and what was found."""
        async with self._tenant_is_free.setdefault(tenant, asyncio.Lock()):
            try:
                return await self._run(tenant, what, pointer, body)
            except _ChildDied as died:
                if died.exit_code == -SIGPROF:
                    return _with_flaw(pointer, died.flaw)
            try:
                # The reason why the child died may not lie in the check.
                return await self._run(tenant, what, pointer, body, in_new_child=True)
            except _ChildDied as died:
                return _with_flaw(pointer, died.flaw)

    async def _run(
        self, tenant: str, what: What, pointer: str, body: bytes, *, in_new_child: bool = False
    ) -> wire.Frame:
        await self._wait_for_room()
        check = _Check(began=time.monotonic())
        self._running.append(check)
        try:
            async with asyncio.timeout(_WALL_SECONDS):
                check.child = await self._take_child(tenant, in_new_child)
                answer = await self._ask(check.child, what, pointer, body)
            await self._keep_child(tenant, check.child)
        except BaseException as error:
            # Also if the caller was cancelled: its answer would be taken for the next one.
            if check.child is not None:
                await check.child.end()
            if check.gave_way or isinstance(error, TimeoutError | OSError | wire.WireError):
                reason = "others wait" if check.gave_way else str(error) or type(error).__name__
                log.warning("check.not_made", what=what, error=reason)
                raise CheckUnavailable(
                    "What you sent could not be checked just now. Send it again in a moment."
                ) from error
            raise
        finally:
            self._running.remove(check)
            self._room.release()
        return answer

    async def _ask(self, child: _Child, what: What, pointer: str, body: bytes) -> wire.Frame:
        flaw = _TOO_MUCH[what]
        cpu_seconds = self._cpu_seconds * (_FONT_FACTOR if what == "font" else 1)
        try:
            child.send({"what": what, "pointer": pointer, "cpu_seconds": cpu_seconds}, body)
            self.check_sent.emit(child.pid)
            while "flaws" not in (answer := await child.receive()).header:
                flaw = _MISFIT
        except EOFError:
            # It may have closed its output only.
            exit_code = await child.end()
            log.info("check.died", what=what, exit_code=exit_code)
            raise _ChildDied(exit_code, flaw) from None
        return answer

    # --- how many run -----------------------------------------------------------------------------

    async def _wait_for_room(self) -> None:
        """Returns when another check may run, in the order of the calls."""
        impatience = asyncio.create_task(self._make_others_give_way()) if self._room.locked() else None
        try:
            await self._room.acquire()
        finally:
            if impatience is not None:
                impatience.cancel()

    async def _make_others_give_way(self) -> None:
        while True:
            await asyncio.sleep(_PATIENCE_SECONDS)
            oldest = next((check for check in self._running if check.child and not check.gave_way), None)
            if oldest is not None and time.monotonic() - oldest.began > _UNDISTURBED_SECONDS:
                oldest.give_way()

    # --- children ---------------------------------------------------------------------------------

    async def _take_child(self, tenant: str, in_new_child: bool) -> _Child:
        child = self._idle.pop(tenant, None)
        if child is not None:
            return child
        while self._idle and len(self._idle) + len(self._running) > self._max_children:
            used_longest_ago = next(iter(self._idle))
            await self._idle.pop(used_longest_ago).end()
        return await (self._start_child() if in_new_child else self._take_fresh_child())

    async def _keep_child(self, tenant: str, child: _Child) -> None:
        """Keeps a child that has answered for the next check of its tenant."""
        if child.resident_bytes() > self._max_idle_bytes:
            await child.end()
        else:
            self._idle[tenant] = child

    async def _take_fresh_child(self) -> _Child:
        """Returns a child that has had no check yet, and starts the next one."""
        spare, self._spare = self._spare, None
        child = None
        if spare is not None:
            try:
                await asyncio.wait([spare])
            except asyncio.CancelledError:
                await _discard(spare)
                raise
            child = spare.result()
        if child is None:
            child = await self._start_child()
        if self._spare is None:
            self._spare = asyncio.create_task(self._start_spare())
        return child

    async def _start_spare(self) -> _Child | None:
        try:
            return await self._start_child()
        except (OSError, wire.WireError) as error:
            log.warning("check.spare_not_started", error=str(error))
            return None

    async def _start_child(self) -> _Child:
        child = await _Child.start(self._child_command, self._isolation)
        self.child_started.emit(child.pid)
        return child


def _with_flaw(pointer: str, message: str) -> wire.Frame:
    return wire.Frame({"flaws": [{"pointer": pointer, "message": message}]}, b"")


async def _discard(spare: asyncio.Task[_Child | None]) -> None:
    spare.cancel()
    await asyncio.wait([spare])
    child = None if spare.cancelled() else spare.result()
    if child is not None:
        await child.end()


@dataclass(slots=True)
class _Check:
    """A check that runs."""

    began: float
    """When it was its turn. `time.monotonic`."""
    child: _Child | None = None
    """None while it starts."""
    gave_way: bool = False

    def give_way(self) -> None:
        if self.child is not None:
            self.gave_way = True
            self.child.kill()


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
        self._frames = wire.FrameDecoder(max_header_bytes=_MAX_ANSWER_BYTES, max_body_bytes=MAX_FONT_BYTES)
        self._received: list[wire.Frame] = []

    @classmethod
    async def start(cls, command: Sequence[str], isolation: IsolationMode) -> _Child:
        """Starts a child and waits until it is ready. Raises OSError if it does not start."""
        process = await spawn(command, stdin=PIPE, stdout=PIPE)
        child = cls(process)
        try:
            child.send(
                {
                    "parent_pid": os.getpid(),
                    "memory_bytes": _MEMORY_BYTES,
                    "isolation": isolation,
                }
            )
            await child.receive()
        except BaseException as error:
            await child.end()
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

    async def receive(self) -> wire.Frame:
        """Returns the next answer. Raises EOFError if the child has ended."""
        while not self._received:
            data = await self._answers.read(64 * 1024)
            if not data:
                raise EOFError
            self._received += self._frames.feed(data)
        return self._received.pop(0)

    def resident_bytes(self) -> int:
        """Returns 0 if the system does not tell."""
        with closing(ProcessUse(self.pid)) as process:
            use = process.read()
        return 0 if use is None else use.resident_bytes

    def kill(self) -> None:
        kill_group(self._process)

    async def end(self) -> int:
        """Kills the child and waits until it is gone.

        Returns its exit code, as in `Process.returncode`. A child that ended by itself before it
        was killed has its own.
        """
        self.kill()
        return await self._process.wait()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
