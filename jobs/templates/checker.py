"""Checks of templates, schemas and data, made in a child process: whatever takes too long is killed.

Compiling Jinja2 and checking JSON Schema both hold Python's lock while they work, and both can be made to work for
hours by a few hundred bytes. So the web process does neither. The child is started with the first check; one check
runs at a time, one tenant's checks one after the other, so that nobody waits for more than one of another tenant's.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGPROF
from typing import Any, Literal, cast
from weakref import WeakValueDictionary

import structlog

import jobs
from jobs.core.errors.request import CheckUnavailable
from jobs.render.child.confine import child_environment
from jobs.render.protocol import wire

log = structlog.get_logger(__name__)

CPU_SECONDS = 2.0
"""What one check may use."""
_WALL_SECONDS = 20.0
"""A child that has no answer by then has had no processor: that is no fault of what it checks."""
_MEMORY_BYTES = 256 * 1024 * 1024
_MAX_ANSWER_BYTES = 1024 * 1024
_COMMAND = (sys.executable, "-m", "jobs.templates.check_child")

Flaw = dict[str, str]
What = Literal["html", "schema", "data"]

_TOO_MUCH: Mapping[What, str] = {
    "html": "it is too large or too deeply nested to be compiled",
    "schema": "it is too large to be compiled",
    "data": "checking the data against the schema takes too long: make one of them simpler",
}
_MISFIT = "the data does not fit the schema, and has too many flaws to list"


class Checker:
    """Belongs to one event loop."""

    def __init__(self, cpu_seconds: float = CPU_SECONDS) -> None:
        self._cpu_seconds = cpu_seconds
        self._turn = asyncio.Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._child: _Child | None = None

    async def html(self, tenant: str, html: str, pointer: str) -> list[Flaw]:
        """What is wrong with a template's source. Raises CheckUnavailable, as the others do."""
        return await self._check(tenant, "html", pointer, html.encode())

    async def schema(self, tenant: str, schema: Mapping[str, Any], pointer: str) -> list[Flaw]:
        """What is wrong with a schema."""
        return await self._check(tenant, "schema", pointer, _json(schema))

    async def data(
        self, tenant: str, schema: Mapping[str, Any], data: Mapping[str, Any], pointer: str
    ) -> list[Flaw]:
        """Where `data` does not fit `schema`."""
        return await self._check(tenant, "data", pointer, _json([schema, data]))

    async def close(self) -> None:
        if self._child is not None:
            await self._child.kill()
            self._child = None

    async def _check(self, tenant: str, what: What, pointer: str, body: bytes) -> list[Flaw]:
        async with self._turns.setdefault(tenant, asyncio.Lock()), self._turn:
            try:
                async with asyncio.timeout(_WALL_SECONDS):
                    return await self._ask_twice(what, pointer, body)
            except BaseException as error:
                # Also where the caller went away: an answer that nobody has read would be taken for the next one.
                await self.close()
                if isinstance(error, TimeoutError | OSError | wire.WireError):
                    log.warning("template.not_checked", what=what, error=str(error) or type(error).__name__)
                    raise CheckUnavailable(
                        "The template or its data could not be checked just now. Send it again in a moment."
                    ) from error
                raise

    async def _ask_twice(self, what: What, pointer: str, body: bytes) -> list[Flaw]:
        """A second time where the child died of something that may have had nothing to do with the check."""
        try:
            return await self._ask(what, pointer, body)
        except _Died as died:
            if died.exit_code == -SIGPROF:
                return [{"pointer": pointer, "message": died.verdict}]
        try:
            return await self._ask(what, pointer, body)
        except _Died as died:
            return [{"pointer": pointer, "message": died.verdict}]

    async def _ask(self, what: What, pointer: str, body: bytes) -> list[Flaw]:
        if self._child is None:
            self._child = await _Child.start(self._cpu_seconds)
        verdict = _TOO_MUCH[what]
        try:
            self._child.send({"what": what, "pointer": pointer}, body)
            while "flaws" not in (answer := await self._child.receive()):
                verdict = _MISFIT
        except EOFError:
            exit_code = await self._child.kill()
            self._child = None
            log.info("template.check_died", what=what, exit_code=exit_code)
            raise _Died(exit_code, verdict) from None
        flaws: list[Flaw] = answer["flaws"]
        return flaws


class _Died(Exception):
    """The check child ended without an answer. `verdict` says what is true of what it checked, if that was why."""

    def __init__(self, exit_code: int, verdict: str) -> None:
        super().__init__(exit_code, verdict)
        self.exit_code = exit_code
        self.verdict = verdict


class _Child:
    """A check child process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._requests = cast(asyncio.StreamWriter, process.stdin)
        self._answers = cast(asyncio.StreamReader, process.stdout)
        self._frames = wire.FrameDecoder(max_header_bytes=_MAX_ANSWER_BYTES, max_body_bytes=0)
        self._received: list[wire.Frame] = []

    @classmethod
    async def start(cls, cpu_seconds: float) -> _Child:
        """Raises OSError where it does not start."""
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=child_environment(os.environ, import_root=str(Path(jobs.__file__).parent.parent)),
            start_new_session=True,
        )
        child = cls(process)
        try:
            child.send({"parent_pid": os.getpid(), "memory_bytes": _MEMORY_BYTES, "cpu_seconds": cpu_seconds})
            await child.receive()
        except BaseException as error:
            await child.kill()
            if isinstance(error, EOFError):
                raise OSError(f"the check child ended with exit code {process.returncode}") from None
            raise
        return child

    def send(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        for part in wire.encode(header, body):
            self._requests.write(part)

    async def receive(self) -> Mapping[str, Any]:
        """The next answer. Raises EOFError where the child has ended."""
        while not self._received:
            data = await self._answers.read(64 * 1024)
            if not data:
                raise EOFError
            self._received += self._frames.feed(data)
        return self._received.pop(0).header

    async def kill(self) -> int:
        """How it ended, as in `Process.returncode`."""
        with suppress(ProcessLookupError):
            self._process.send_signal(SIGKILL)
        return await self._process.wait()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
