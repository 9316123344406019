"""Serves the requests of the worker in a render child that is warm and confined."""

from __future__ import annotations

import ctypes.util
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from jobs.core.errors.job import JobError, PdfUnreadable, RenderFailed
from jobs.isolation.level import Isolation
from jobs.render.child.channel import Channel
from jobs.render.child.confine import allow_cpu
from jobs.render.child.reporter import Reporter
from jobs.render.protocol.limits import RenderLimits
from jobs.render.protocol.memory import PeakMemory, ProcessUse
from jobs.render.protocol.wire import Frame

if TYPE_CHECKING:
    from jobs.render.child.html.engine import Engine
    from jobs.render.child.tasks import Measured, Tasks


class OwnUse:
    """Has the files of /proc open in which a process reads what it uses itself.

    Create it before the process is confined, and after the fork.
    """

    def __init__(self) -> None:
        self.now = ProcessUse(os.getpid())
        self.peak = PeakMemory()


def load_engine() -> type[Engine]:
    """Imports all that rendering needs."""
    _load_libraries_by_their_names()
    import jobs.render.child.tasks  # noqa: F401
    from jobs.render.child.html.engine import Engine

    return Engine


@contextmanager
def report_failed_start(channel: Channel) -> Iterator[None]:
    """Reports an error to the worker and ends the process."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (the worker reports any error)
        message = (
            f"The renderer cannot start ({type(error).__name__}: {error}). "
            "Are Pango and its libraries installed?"
        )
        channel.send({"type": "failed", "code": "internal_error", "message": message[:4000]})
        os._exit(1)


def serve(
    channel: Channel, engine: Engine, limits: RenderLimits, isolation: Isolation, use: OwnUse
) -> NoReturn:
    """Says that the child is ready, and serves until the worker closes the connection."""
    from jobs.render.child.html.engine import VERSION
    from jobs.render.child.tasks import Tasks

    tasks = Tasks(engine, limits.max_result_bytes, use.peak)
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
        now = use.now.read()
        if now is not None and now.resident_bytes > limits.recycle_resident_bytes:
            channel.send({"type": "grown"})


def _load_libraries_by_their_names() -> None:
    """Saves the imports half of their time on Linux.

    Python looks for each name that is no file name by running ldconfig and a compiler, 80 programs
    in all. WeasyPrint also tries the names of the files, which need no search.
    """
    if sys.platform == "linux":
        ctypes.util.find_library = lambda name: None


def _serve(channel: Channel, tasks: Tasks, reporter: Reporter, frame: Frame) -> None:
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
                "retry_after_s": error.retry_after_s,
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
            "warnings_omitted": product.warnings_omitted,
            "title": product.title,
            "conformance": product.conformance,
        },
        product.body,
    )
