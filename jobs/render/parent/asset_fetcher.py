"""Starts the fetch process (`jobs.render.fetch.main`), asks it for assets, and passes them on."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, cast

import structlog

from jobs.core.http.custom_headers import HeadersByOrigin
from jobs.core.settings import IsolationMode
from jobs.render.parent.spawn import kill_group, spawn_connected
from jobs.render.protocol import wire
from jobs.render.protocol.assets import (
    MAX_FETCH_HEADER_BYTES,
    FetchAnswer,
    NotFetched,
    parse_fetch_answer,
)
from jobs.render.protocol.failures import shown_url
from jobs.render.protocol.limits import ASSET_PIECE_BYTES, FetchLimits
from jobs.render.protocol.messages import FetchCode

FETCH_COMMAND = (sys.executable, "-m", "jobs.render.fetch.main")

log = structlog.get_logger("pressrun.fetch")

Deliver = Callable[[FetchAnswer, bytes], None]


@dataclass(frozen=True, slots=True)
class _Question:
    """What a document waits for."""

    url: str
    deliver: Deliver
    stuck: asyncio.TimerHandle


class AssetFetcher:
    """Asks for assets on behalf of documents, each of which waits for one at a time.

    The fetch process is started when the first asset is asked for. If it dies, those who wait get
    an answer that says so, and the next question starts another one. Use this from one event loop
    only.
    """

    def __init__(
        self,
        limits: FetchLimits,
        command: Sequence[str] = FETCH_COMMAND,
        *,
        isolation: IsolationMode = "auto",
        name_files: Sequence[str] = ("/etc/resolv.conf", "/etc/hosts"),
    ) -> None:
        self._limits = limits
        self._isolation = isolation
        self._name_files = name_files
        """System files about host names. A confined process cannot open one that was replaced."""
        self._command = command
        self._process: _FetchProcess | None = None
        self._name_state: list[tuple[int, int]] = []
        self._lives: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._known: set[int] = set()
        """Documents of which the fetch process keeps something."""
        self._questions: dict[int, _Question] = {}

    @property
    def pid(self) -> int | None:
        """The fetch process, if there is one."""
        return self._process.pid if self._process else None

    def open(self) -> int:
        """Returns a number for a document; `end` gives it back."""
        return next(self._numbers)

    def fetch(
        self,
        document: int,
        url: str,
        deliver: Deliver,
        credentials: HeadersByOrigin | None = None,
    ) -> None:
        """Calls `deliver` once, with the first piece of the asset at `url` or the reason why there
        is none, unless `end` is called before.

        `credentials` are headers by origin, for this request and its redirects.
        """
        if self._limits.mode == "none":
            message = "Documents may not fetch anything here (PRESSRUN_FETCH is none)."
            deliver(_missing(document, "asset_forbidden", message, is_final=True), b"")
            return
        if self._process is not None and not self._known and self._name_state != self._read_name_state():
            self._process.kill("the settings of host names have changed")
        self._known.add(document)
        question = {"type": "fetch", "document": document, "url": url, "credentials": credentials or {}}
        self._ask(question, url, deliver)

    def more(self, document: int, deliver: Deliver) -> None:
        """Calls `deliver` with the next piece of the asset, as `fetch` does."""
        self._ask({"type": "more", "document": document}, "", deliver)

    def end(self, document: int) -> None:
        """Ends what is under way for the document, whose limits are forgotten."""
        question = self._questions.pop(document, None)
        if question is not None:
            question.stuck.cancel()
        if document in self._known:
            self._known.remove(document)
            if self._process is not None:
                self._process.send({"type": "end", "document": document})

    async def close(self) -> None:
        """Ends the fetch process. No document may be open."""
        if self._process is not None:
            self._process.kill(None)
        if self._lives:
            await asyncio.wait(self._lives)

    def _ask(self, header: dict[str, Any], url: str, deliver: Deliver) -> None:
        if self._process is None:
            self._process = self._start()
        stuck = asyncio.get_running_loop().call_later(
            self._limits.asset_seconds + self._limits.grace_seconds, self._process.kill, "it does not answer"
        )
        self._questions[header["document"]] = _Question(url, deliver, stuck)
        self._process.send(header)

    def _start(self) -> _FetchProcess:
        self._name_state = self._read_name_state()
        process = _FetchProcess(self._limits, self._isolation, self)
        life = asyncio.get_running_loop().create_task(process.live(self._command))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return process

    def _read_name_state(self) -> list[tuple[int, int]]:
        found = []
        for name in self._name_files:
            with suppress(OSError):
                status = os.stat(name)
                found.append((status.st_ino, status.st_mtime_ns))
        return found

    # --- callbacks of the process -----------------------------------------------------------------

    def answered(self, answer: FetchAnswer, body: bytes) -> None:
        question = self._questions.pop(answer.document, None)
        if question is None:
            return  # the document has ended meanwhile
        question.stuck.cancel()
        if isinstance(answer, NotFetched) and answer.detail:
            log.debug("asset.not_fetched", code=answer.code, detail=answer.detail)
        question.deliver(answer, body)

    def ended(self, reason: str | None) -> None:
        if reason is not None:
            log.warning("fetcher.ended", reason=reason)
        self._process = None
        self._known.clear()
        questions, self._questions = self._questions, {}
        for document, question in questions.items():
            question.stuck.cancel()
            what = shown_url(question.url) if question.url else "The rest of an asset"
            message = f"{what} could not be fetched: the process that fetches has ended."
            question.deliver(_missing(document, "unreachable", message), b"")


class _FetchProcess(asyncio.Protocol):
    """One fetch process, from its start to its end. It takes messages from the beginning."""

    def __init__(self, limits: FetchLimits, isolation: IsolationMode, owner: AssetFetcher) -> None:
        self._owner = owner
        self._decoder = wire.FrameDecoder(
            max_header_bytes=MAX_FETCH_HEADER_BYTES, max_body_bytes=ASSET_PIECE_BYTES
        )
        self._process: Process | None = None
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._disconnected = asyncio.Event()
        self._has_ended = False
        self.send(
            {
                "type": "configure",
                "parent_pid": os.getpid(),
                "isolation": isolation,
                "limits": asdict(limits),
            }
        )

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def live(self, command: Sequence[str]) -> None:
        """Starts the process and waits until it is gone."""
        try:
            self._process, ours = await spawn_connected(command, "/")
        except OSError as error:
            self.kill(f"it could not be started: {error}")
            return
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
        await self._disconnected.wait()
        self._kill_group()  # it may have closed its socket and still run
        await self._process.wait()

    def send(self, header: dict[str, Any]) -> None:
        if self._transport is None:
            self._unsent += wire.encode(header)
        else:
            self._transport.write(b"".join(wire.encode(header)))

    def kill(self, reason: str | None) -> None:
        """Kills the process. `reason` is for the log; None if the worker ends."""
        if self._has_ended:
            return
        self._has_ended = True
        self._kill_group()
        if self._transport is not None:
            self._transport.abort()
        self._owner.ended(reason)

    def _kill_group(self) -> None:
        if self._process is not None and self._process.returncode is None:
            kill_group(self._process)

    # --- callbacks --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._has_ended:
            self._transport.abort()
        self._transport.writelines(self._unsent)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                self._owner.answered(parse_fetch_answer(frame), frame.body)
        except wire.WireError as error:
            self.kill(f"it sent something unexpected: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._disconnected.set()
        self.kill("it has died")


def _missing(document: int, code: FetchCode, message: str, *, is_final: bool = False) -> NotFetched:
    return NotFetched(type="not_fetched", document=document, code=code, message=message, is_final=is_final)
