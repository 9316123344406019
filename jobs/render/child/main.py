"""A render child: `python -m jobs.render.child.main`.

Its standard input is one end of a socket pair to the worker. It receives its limits, restricts
itself, warms up and reports that it is ready. Then it serves one request after the other until the
worker closes the connection.
"""

from __future__ import annotations

import ctypes.util
import os
import socket
import sys
import traceback
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.core.errors.job import JobError, PdfUnreadable, RenderFailed
from jobs.isolation.level import Isolation
from jobs.render.child.confine import allow_cpu, confine, limit_resources
from jobs.render.child.frame_stack import with_large_frame_stack
from jobs.render.child.html.progress_log import Step
from jobs.render.child.reporter import Reporter
from jobs.render.protocol import wire
from jobs.render.protocol.limits import RenderLimits
from jobs.render.protocol.memory import PeakMemory, ProcessUse

if TYPE_CHECKING:
    from jobs.render.child.html.engine import Engine
    from jobs.render.child.html.fetcher import Ask
    from jobs.render.child.tasks import Measured, Tasks

_READ_BYTES = 256 * 1024
_MAX_REQUEST_BYTES = 1024**3
"""The worker is trusted, and its own limits are far below this."""


class Channel:
    """Sends and receives frames to and from the worker; both block."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=os.dup(0))
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        self._decoder = wire.FrameDecoder(
            max_header_bytes=_MAX_REQUEST_BYTES, max_body_bytes=_MAX_REQUEST_BYTES
        )
        self._frames: deque[wire.Frame] = deque()
        self._is_sending = False

    def receive(self) -> wire.Frame:
        """Returns the next frame. Ends the process if the worker has closed the connection."""
        while not self._frames:
            data = self._socket.recv(_READ_BYTES)
            if not data:
                os._exit(0)
            self._frames.extend(self._decoder.feed(data))
        return self._frames.popleft()

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        self._is_sending = True
        for part in wire.encode(header, body):
            self._socket.sendall(part)
        self._is_sending = False

    def ask(self, question: dict[str, Any]) -> wire.Frame:
        """Sends a message during a render and returns the worker's answer."""
        self.send(question)
        return self.receive()

    def send_progress(self, step: Step) -> None:
        if not self._is_sending:  # a signal handler calls this, also in the middle of `send`
            self.send({"type": "progress", **step._asdict()})


def main() -> None:
    channel = Channel()
    configuration = channel.receive().header
    own = ProcessUse(os.getpid())
    limits = RenderLimits(**configuration["limits"])
    try:
        limit_resources(parent_pid=configuration["parent_pid"], memory_bytes=limits.memory_bytes)
        tasks, engine, isolation = _warm(limits, channel.ask)
    except Exception as error:  # noqa: BLE001 (the worker reports any error)
        message = f"The renderer cannot start ({type(error).__name__}: {error}). Are Pango and its libraries installed?"
        channel.send({"type": "failed", "code": "internal_error", "message": message[:4000]})
        sys.exit(1)
    from jobs.render.child.html.engine import VERSION

    reporter = Reporter(channel.send_progress)
    channel.send(
        {
            "type": "ready",
            "engine": VERSION,
            "isolation": isolation.level,
            "missing_isolation": isolation.missing,
        }
    )
    while True:
        frame = channel.receive()
        _serve(channel, tasks, reporter, frame)
        del frame
        engine.tidy_up()
        use = own.read()
        if use is not None and use.resident_bytes > limits.recycle_resident_bytes:
            channel.send({"type": "grown"})


def _warm(limits: RenderLimits, ask: Ask) -> tuple[Tasks, Engine, Isolation]:
    _load_libraries_by_their_names()
    # The files of /proc are opened while they can be. Warming up starts threads, which are confined
    # only if they start later.
    from jobs.render.child.html.engine import Engine
    from jobs.render.child.tasks import Tasks

    memory = PeakMemory()
    isolation = confine(limits.isolation, scratch=Path.cwd(), fonts=True, network=False)
    engine = Engine(ask)
    engine.warm_up()
    return Tasks(engine, limits.max_result_bytes, memory), engine, isolation


def _load_libraries_by_their_names() -> None:
    """Saves the imports half of their time on Linux.

    Python looks for each name that is no file name by running ldconfig and a compiler, 80 programs
    in all. WeasyPrint also tries the names of the files, which need no search.
    """
    if sys.platform == "linux":
        ctypes.util.find_library = lambda name: None


def _serve(channel: Channel, tasks: Tasks, reporter: Reporter, frame: wire.Frame) -> None:
    from jobs.render.child.html.engine import use_scratch

    request = frame.header
    allow_cpu(request["timeout_ms"])
    use_scratch(request["scratch"])
    try:
        with reporter.reporting() as note:
            measured = tasks.perform(request, frame.body, note)
    except JobError as error:
        channel.send(
            {
                "type": "failed",
                "code": error.code,
                "message": error.message[:4000],
                "detail": _where(error) if isinstance(error, RenderFailed | PdfUnreadable) else None,
            }
        )
    else:
        _send_result(channel, measured)


def _where(error: JobError) -> str | None:
    """Returns what was raised where, without its text, which may have some of the document."""
    cause = error.__cause__
    if cause is None or cause.__traceback__ is None:
        return None
    frame = traceback.extract_tb(cause.__traceback__, -1)[0]
    return f"{type(cause).__name__} in {frame.name} ({frame.filename}:{frame.lineno})"[:1000]


def _send_result(channel: Channel, measured: Measured) -> None:
    product = measured.product
    channel.send(
        {
            "type": "rendered",
            "content_type": product.content_type,
            "pages": product.pages,
            "render_ms": measured.render_ms,
            "peak_memory_bytes": measured.peak_memory_bytes,
            "warnings": product.warnings,
        },
        product.body,
    )


if __name__ == "__main__":
    with_large_frame_stack(main)
