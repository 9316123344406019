"""Starts one render child, gives it one document at a time, and kills it.

The child has one end of a socket pair, over which both sides send frames
(`jobs.render.protocol.wire`). The worker's side runs in callbacks of the event loop and never
blocks.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal, Protocol, cast

import structlog

from jobs.core.errors import PressrunError
from jobs.core.errors.job import RendererCrashed
from jobs.core.http.custom_headers import HeadersByOrigin
from jobs.core.job import Progress
from jobs.isolation.level import Isolation
from jobs.render.parent.asset_fetcher import AssetFetcher
from jobs.render.parent.scratch import ChildScratch, Scratch
from jobs.render.parent.spawn import ChildHandle, kill_group
from jobs.render.parent.starting import (
    KILLED_FROM_OUTSIDE,
    ChildStarter,
    RendererNotStarted,
    could_not_be_started,
)
from jobs.render.protocol import failures, messages, wire
from jobs.render.protocol.assets import FetchAnswer, Fetched
from jobs.render.protocol.limits import RenderLimits
from jobs.render.protocol.memory import ProcessUse, Use
from jobs.render.protocol.messages import MediaType, OfferedFont, RenderRequest, Request
from jobs.render.protocol.warning_codes import SEVERITY

log = structlog.get_logger("pressrun.render")

_WATCH_SECONDS = 0.1
_WATCH_IDLE_SECONDS = 1.0
"""How often the use of a child is read: while it renders, and while it is idle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOutcome:
    """The result of a render child. `details` become members of the job's ``result``."""

    body: bytes
    content_type: MediaType
    details: dict[str, Any]
    title: str | None = None
    """The title of the document, as it is written there."""
    self_contained: bool = False
    """Nothing outside the request was asked for, so the same request gives the same result."""


@dataclass(slots=True)
class _Render:
    """The render that a child is working on."""

    future: asyncio.Future[RenderOutcome]
    produces: Collection[MediaType]
    report: Callable[[Progress], None]
    scratch: str
    timeout_ms: int
    deadline: asyncio.TimerHandle
    progress_left: int
    """How many reports are still accepted.

    A hostile child cannot keep the worker busy with them.
    """
    document: int
    """Its number in the `AssetFetcher`."""
    may_ask: Literal["for an asset", "for an asset or more", "nothing"]
    """What the child may ask for at the moment. It waits for one answer at a time."""
    credentials: HeadersByOrigin
    """What the fetch process sends for the document, as headers by origin. The child has none."""
    fonts: dict[int, OfferedFont]
    """Those that the child may still ask for, by their numbers."""
    reading: asyncio.Task[bytes] | None = None
    """Reads the font that the child waits for."""
    asked: bool = False
    """Whether it asked for anything outside the request."""
    peak_bytes: int = 0


class Owner(Protocol):
    """Is told what happens to a child."""

    def child_freed(self, child: RenderChild) -> None:
        """Called when the result of the child has arrived and it can take the next document."""

    def child_worn(self, child: RenderChild) -> None:
        """Called when the child must not be given another document.

        It may have the next one by now.
        """

    def child_died(self, child: RenderChild) -> None:
        """Called once, when the child is dead and its `cleanup` task has started."""


class RenderChild(asyncio.Protocol):
    """A render child process. Create it with `start`."""

    def __init__(
        self,
        process: ChildHandle,
        scratch: ChildScratch,
        limits: RenderLimits,
        fetcher: AssetFetcher,
        owner: Owner,
    ) -> None:
        self._process = process
        self._limits = limits
        self._scratch = scratch
        self._fetcher = fetcher
        self._owner = owner
        self._use = ProcessUse(process.pid)
        self._decoder = wire.FrameDecoder(
            max_header_bytes=messages.MAX_ANSWER_HEADER_BYTES, max_body_bytes=limits.max_result_bytes
        )
        self._ready: asyncio.Future[messages.Ready] = asyncio.get_running_loop().create_future()
        self._render: _Render | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._grown_answers_left = 0
        """How many `Grown` answers are still expected at most, one for each document sent.

        One may arrive after the next document was sent.
        """
        self._transport: asyncio.Transport
        self.cleanup: asyncio.Task[None]
        """Exists once the child is dead; done when its process and files are gone."""
        self.isolation: Isolation
        """What is in force in the child. Exists once it is warm."""
        self.alive = True
        self.renders = 0
        """How many documents it has been given."""
        self.tenant: str | None = None
        """Whose documents it is given; None before the first."""
        self.resident_bytes = 0
        """Its resident size after its last document."""
        self.is_worn = False
        """Whether it must not be given another document."""
        self.end_reason = RendererCrashed.code
        """Once it is dead: the code of what went wrong, `worn`, or `not_needed`."""

    @classmethod
    async def start(
        cls,
        limits: RenderLimits,
        scratch: Scratch,
        fetcher: AssetFetcher,
        owner: Owner,
        starter: ChildStarter,
    ) -> RenderChild:
        """Starts a child and returns it when it is warm.

        Raises:
            RendererNotStarted: it reported why it cannot start, died, or took too long.
        """
        try:
            own_scratch = scratch.for_child()
        except OSError as error:
            raise could_not_be_started(error) from None
        try:
            process, ours = await starter.start(own_scratch.path)
        except BaseException:
            own_scratch.remove()
            raise
        child = cls(process, own_scratch, limits, fetcher, owner)
        await asyncio.get_running_loop().create_unix_connection(lambda: child, sock=ours)
        try:
            async with asyncio.timeout(limits.start_seconds):
                ready = await child._ready
        except BaseException as error:
            child.kill()
            await asyncio.wait([child.cleanup])
            if isinstance(error, TimeoutError):
                raise RendererNotStarted(
                    f"A render child was not ready after {limits.start_seconds:g} s.", passes=True
                ) from None
            raise
        if not child.alive:
            raise RendererNotStarted("A render child ended as soon as it was ready.", passes=True)
        child.isolation = Isolation(ready.isolation, tuple(ready.missing_isolation))
        return child

    # --- rendering --------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        return self._process.pid

    def render(
        self, request: Request, *, timeout_ms: int, report: Callable[[Progress], None]
    ) -> asyncio.Future[RenderOutcome]:
        """Sends `request` to the idle child. A caller that cancels the future must `abandon` it."""
        loop = asyncio.get_running_loop()
        body = request.body()
        scratch = self._scratch.make()
        self.renders += 1
        self.is_worn |= self.renders >= self._limits.recycle_renders
        self._render = _Render(
            future=loop.create_future(),
            produces=request.produces,
            report=report,
            scratch=scratch,
            timeout_ms=timeout_ms,
            deadline=loop.call_later(timeout_ms / 1000, self._deadline_passed),
            progress_left=100 + timeout_ms // 100,
            document=self._fetcher.open(),
            may_ask="for an asset" if isinstance(request, RenderRequest) else "nothing",
            credentials=request.credentials if isinstance(request, RenderRequest) else {},
            fonts=dict(enumerate(request.fonts)) if isinstance(request, RenderRequest) else {},
        )
        self._grown_answers_left += 1
        self._watch_after(_WATCH_SECONDS)
        self._send(request.header(scratch=scratch, timeout_ms=timeout_ms), body)
        return self._render.future

    def abandon(self, future: asyncio.Future[RenderOutcome]) -> None:
        """Kills the child if it still works on the render of `future`, and not on a later one."""
        if self._render is not None and self._render.future is future:
            self.kill()

    def kill(self, error: Exception | None = None) -> None:
        """Kills the child and every process it started; its current render fails with `error`."""
        if not self.alive:
            return
        if error is None:
            self.end_reason = "worn" if self.is_worn else "not_needed"
        elif isinstance(error, PressrunError):
            self.end_reason = error.code
        kill_group(self._process)
        self._end(error or failures.stopped())

    def _send(self, header: dict[str, Any], body: bytes = b"") -> None:
        for part in wire.encode(header, body):
            self._transport.write(part)

    # --- callbacks --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        limits = asdict(self._limits)
        del limits["fetch"]  # not its concern
        self._send({"type": "configure", "parent_pid": os.getpid(), "limits": limits})

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                self._answered(messages.parse_answer(frame), frame.body)
        except wire.WireError as error:
            if isinstance(error, wire.FrameTooLarge) and error.part == "body":
                self.kill(failures.result_too_large(self._limits.max_result_bytes))
            else:
                self.kill(failures.unexpected_answer(error))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.alive:
            self._end(None)

    def _answered(self, answer: messages.Answer, body: bytes) -> None:
        render = self._render
        match answer:
            case messages.Progressed() if render is not None and render.progress_left > 0:
                render.progress_left -= 1
                render.report(Progress(answer.percent, answer.stage, answer.page))
            case messages.FontAsked() if render is not None and self._may_have_font(render, answer.number):
                self._read_font(render, render.fonts.pop(answer.number))
            case messages.AssetAsked() if render is not None and render.may_ask != "nothing":
                render.may_ask, render.asked = "nothing", True
                deliver = partial(self._deliver, render)
                self._fetcher.fetch(render.document, answer.url, deliver, render.credentials)
            case messages.MoreAsked() if render is not None and render.may_ask == "for an asset or more":
                render.may_ask = "nothing"
                self._fetcher.more(render.document, partial(self._deliver, render))
            case messages.Rendered() if render is not None and answer.content_type in render.produces:
                self._finish(render)
                if not render.future.done():
                    render.future.set_result(_outcome(answer, body, render))
            case messages.Failed() if render is not None:
                if answer.detail:
                    log.info("render.failed", code=answer.code, detail=answer.detail)
                self._finish(render)
                if not render.future.done():
                    error = failures.reported_by_child(answer.code, answer.message, answer.retry_after_s)
                    render.future.set_exception(error)
            case messages.Grown() if self._grown_answers_left > 0:
                self._grown_answers_left -= 1
                self.is_worn = True
                self._owner.child_worn(self)
            case messages.Ready() if not self._ready.done():
                self._ready.set_result(answer)
            case messages.Failed() if not self._ready.done():
                self._ready.set_exception(RendererNotStarted(answer.message))
            case _:
                raise wire.BadFrame(f"the answer {answer.type!r} comes out of turn")

    def _deliver(self, render: _Render, answer: FetchAnswer, body: bytes) -> None:
        """Sends an asset, a piece of one, or why there is none to the child, which waits for it."""
        if isinstance(answer, Fetched):
            render.may_ask = "for an asset or more" if answer.bytes_left else "for an asset"
        else:
            render.may_ask = "nothing" if answer.is_final else "for an asset"
        self._send(answer.model_dump(exclude={"document", "detail"}), body)

    def _may_have_font(self, render: _Render, number: int) -> bool:
        """Whether the child has not asked for it, and has taken what it asked for before."""
        is_reading = render.reading is not None and not render.reading.done()
        return number in render.fonts and not is_reading and not self._transport.get_write_buffer_size()

    def _read_font(self, render: _Render, font: OfferedFont) -> None:
        """Sends a font to the child, which waits for it."""

        async def read() -> bytes:
            return await font.read()

        def deliver(reading: asyncio.Task[bytes]) -> None:
            if reading.cancelled() or self._render is not render:
                return
            if (error := reading.exception()) is None:
                self._send({"type": "font"}, reading.result())
            elif isinstance(error, Exception):
                self.kill(error)

        render.reading = asyncio.get_running_loop().create_task(read())
        render.reading.add_done_callback(deliver)

    def _finish(self, render: _Render) -> None:
        """Frees the child as soon as its result has arrived, before the result is looked at."""
        self._end_render(render)
        self._scratch.give_back(render.scratch)
        self.resident_bytes = (self._use.read() or Use(0, 0)).resident_bytes
        self._owner.child_freed(self)

    def _end_render(self, render: _Render) -> None:
        self._render = None
        self._fetcher.end(render.document)
        render.deadline.cancel()
        if render.reading is not None:
            render.reading.cancel()

    def _deadline_passed(self) -> None:
        if self._render is not None:
            self.kill(failures.timed_out(self._render.timeout_ms))

    def _watch_use(self) -> None:
        """Kills a child that uses too much. An idle one is watched, too: something that a document
        has left in it may be at work."""
        use, limits = self._use.read() or Use(0, 0), self._limits
        if self._render is not None:
            self._render.peak_bytes = max(self._render.peak_bytes, use.resident_bytes)
        if use.resident_bytes > limits.memory_bytes:
            self.kill(failures.out_of_memory(limits.memory_bytes))
        elif use.threads > limits.threads:
            self.kill(failures.too_many_threads(limits.threads))
        elif self._scratch.used_bytes(limits.scratch_bytes) > limits.scratch_bytes:
            self.kill(failures.out_of_scratch(limits.scratch_bytes))
        else:
            self._watch_after(_WATCH_IDLE_SECONDS if self._render is None else _WATCH_SECONDS)

    def _watch_after(self, seconds: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = asyncio.get_running_loop().call_later(seconds, self._watch_use)

    # --- death ------------------------------------------------------------------------------------

    def _end(self, error: Exception | None) -> None:
        """Ends a child that is dead or was killed.

        Its render fails with `error`, or else with an error that depends on how the process ended.
        """
        self.alive = False
        if self._watch is not None:
            self._watch.cancel()
        render = self._render
        if render is not None:
            self._end_render(render)
            if error is not None and not render.future.done():
                render.future.set_exception(error)
        self._transport.abort()
        self.cleanup = asyncio.get_running_loop().create_task(self._clean_up(render))
        self._owner.child_died(self)

    async def _clean_up(self, render: _Render | None) -> None:
        try:
            async with asyncio.timeout(self._limits.exit_seconds):
                exit_code = await self._process.wait()
        except TimeoutError:  # it closed its socket and still runs
            kill_group(self._process)
            exit_code = await self._process.wait()
        self._use.close()
        self._scratch.remove()
        if not self._ready.done():
            self._ready.set_exception(
                RendererNotStarted(
                    f"A render child {failures.how_it_ended(exit_code)} before it was ready.",
                    passes=exit_code in KILLED_FROM_OUTSIDE,
                )
            )
        if render is not None and not render.future.done():
            render.future.set_exception(
                failures.child_died(
                    exit_code, peak_bytes=render.peak_bytes, memory_bytes=self._limits.memory_bytes
                )
            )


def _outcome(answer: messages.Rendered, body: bytes, render: _Render) -> RenderOutcome:
    return RenderOutcome(
        body=body,
        content_type=answer.content_type,
        details={
            "pages": answer.pages,
            "render_ms": answer.render_ms,
            "peak_memory_bytes": max(answer.peak_memory_bytes, render.peak_bytes),
            "warnings": [
                {"severity": SEVERITY[warning.code], **warning.model_dump(exclude_none=True)}
                for warning in answer.warnings
            ],
            **({"warnings_omitted": answer.warnings_omitted} if answer.warnings_omitted else {}),
            **(
                {"conformance": [each.model_dump() for each in answer.conformance]}
                if answer.conformance
                else {}
            ),
        },
        title=answer.title,
        self_contained=not render.asked,
    )
