"""Checks templates, schemas and data in a child process, and kills checks that take too long.

A few hundred hostile bytes can make Jinja2 and JSON Schema work for hours and hold Python's lock,
so the web process runs neither. The child starts with the first check. One check runs at a time,
and those of one tenant wait for each other: none waits for more than one of another tenant.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGPROF
from typing import Any, Literal, cast
from weakref import WeakValueDictionary

import structlog

import jobs
from jobs.core.errors.request import CheckUnavailable
from jobs.core.settings import IsolationMode
from jobs.process.testsignal import TestSignal
from jobs.render.child.confine import child_environment
from jobs.render.protocol import wire

log = structlog.get_logger(__name__)

CPU_SECONDS = 2.0
"""Processor time that one check may use."""
_WALL_SECONDS = 20.0
"""A child without an answer by then got no processor time, which is not the template's fault."""
_MEMORY_BYTES = 256 * 1024 * 1024
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
    """Runs checks in a child process. Use it from one event loop only.

    They return flaws, with pointers below `pointer`, and raise `CheckUnavailable`.
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
        self._child_is_free = asyncio.Lock()
        self._tenant_is_free: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._child: _Child | None = None
        self.check_sent: TestSignal[int] = TestSignal()
        """The child has got a check to work on; the value is its process id."""

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
        if self._child is not None:
            await self._child.kill()
            self._child = None

    async def _check(self, tenant: str, what: What, pointer: str, body: bytes) -> list[Flaw]:
        async with self._tenant_is_free.setdefault(tenant, asyncio.Lock()), self._child_is_free:
            try:
                async with asyncio.timeout(_WALL_SECONDS):
                    return await self._ask_twice(what, pointer, body)
            except BaseException as error:
                # Also if the caller was cancelled: its answer would be taken for the next one.
                await self.close()
                if isinstance(error, TimeoutError | OSError | wire.WireError):
                    log.warning("template.not_checked", what=what, error=str(error) or type(error).__name__)
                    raise CheckUnavailable(
                        "The template or its data could not be checked just now. Send it again in a moment."
                    ) from error
                raise

    async def _ask_twice(self, what: What, pointer: str, body: bytes) -> list[Flaw]:
        """Sends the check again if the child died for a reason that may not lie in the check."""
        try:
            return await self._ask(what, pointer, body)
        except _ChildDied as died:
            if died.exit_code == -SIGPROF:
                return [{"pointer": pointer, "message": died.flaw}]
        try:
            return await self._ask(what, pointer, body)
        except _ChildDied as died:
            return [{"pointer": pointer, "message": died.flaw}]

    async def _ask(self, what: What, pointer: str, body: bytes) -> list[Flaw]:
        if self._child is None:
            self._child = await _Child.start(self._child_command, self._cpu_seconds, self._isolation)
        flaw = _TOO_MUCH[what]
        try:
            self._child.send({"what": what, "pointer": pointer}, body)
            self.check_sent.emit(self._child.pid)
            while "flaws" not in (answer := await self._child.receive()):
                flaw = _MISFIT
        except EOFError:
            exit_code = await self._child.kill()
            self._child = None
            log.info("template.check_died", what=what, exit_code=exit_code)
            raise _ChildDied(exit_code, flaw) from None
        flaws: list[Flaw] = answer["flaws"]
        return flaws


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
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=child_environment(os.environ, import_root=str(Path(jobs.__file__).parent.parent)),
            start_new_session=True,
        )
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
            await child.kill()
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

    async def kill(self) -> int:
        """Kills the child and returns its exit code, as in `Process.returncode`."""
        with suppress(ProcessLookupError):
            self._process.send_signal(SIGKILL)
        return await self._process.wait()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
