"""The fork server of a worker: `python -m jobs.render.child.fork_server` (Linux).

It imports and warms the renderer once. Then it forks a render child whenever the worker asks, which
takes milliseconds instead of a second. It never sees a document. Its standard input is one end of a
socket pair to the worker; a request brings the socket of the new child along.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jobs.isolation.readable import font_paths
from jobs.render.child.channel import Channel, take_standard_input
from jobs.render.child.confine import confine, confine_fork_server, end_with_parent, limit_resources
from jobs.render.child.frame_stack import with_large_frame_stack
from jobs.render.child.html.fetcher import ask_nobody
from jobs.render.child.serving import OwnUse, load_engine, report_failed_start, serve
from jobs.render.protocol import wire
from jobs.render.protocol.limits import RenderLimits

if TYPE_CHECKING:
    from jobs.render.child.html.engine import Engine

_MAX_REQUEST_BYTES = 64 * 1024
_THREADS_END_SECONDS = 5.0
"""Threads that have been told to end take microseconds, or milliseconds on a busy machine."""


class ForkServer:
    """Forks render children from one warm engine."""

    def __init__(self, worker: socket.socket, engine: Engine) -> None:
        self._worker = worker
        self._engine = engine

    def run(self) -> NoReturn:
        """Answers requests until the worker closes the connection."""
        while True:
            data, files, _, _ = socket.recv_fds(self._worker, _MAX_REQUEST_BYTES, 1)
            if not data:
                os._exit(0)
            decoder = wire.FrameDecoder(max_header_bytes=_MAX_REQUEST_BYTES, max_body_bytes=0)
            (request,) = decoder.feed(data)
            channel = socket.socket(fileno=files[0])
            try:
                pid = self._fork(channel, request.header["directory"])
            except OSError as error:
                _send(self._worker, {"type": "failed", "message": f"A render child cannot start: {error}."})
            else:
                _send(self._worker, {"type": "forked", "pid": pid})
            finally:
                channel.close()

    def _fork(self, channel: socket.socket, directory: str) -> int:
        """Forks a child of the worker, and returns its process id.

        A process in between ends at once, so that the worker, which adopts orphans, becomes the
        parent: it can wait for the child and kill it for certain, and this process can end without
        the child.

        Raises:
            OSError: there are too many processes, or too little memory.
        """
        reading, writing = os.pipe()
        with open(reading, "rb") as answer:
            try:
                between = os.fork()
                if between == 0:
                    answer.close()
                    _then_end(lambda: self._fork_again(channel, directory, writing))
            finally:
                os.close(writing)
            os.waitpid(between, 0)
            pid = answer.read()
        if not pid:
            raise OSError("the system refuses another process")
        return int(pid)

    def _fork_again(self, channel: socket.socket, directory: str, writing: int) -> None:
        self._worker.close()
        pid = os.fork()
        if pid == 0:
            os.close(writing)
            with_large_frame_stack(lambda: self._be_child(Channel(channel), directory))
        os.write(writing, str(pid).encode())

    def _be_child(self, channel: Channel, directory: str) -> NoReturn:
        # Until the configuration arrives, this process is in the group of the fork server. If that
        # one dies before it can name this process to the worker, the worker ends the whole group.
        configuration = channel.receive().header
        limits = RenderLimits(**configuration["limits"])
        with report_failed_start(channel):
            os.setsid()
            end_with_parent(configuration["parent_pid"])
            os.chdir(directory)
            _set_name("pressrun-render")
            use = OwnUse()
            isolation = confine(limits.isolation, scratch=Path(directory), fonts=True, network=False)
            self._engine.ask = channel.ask
            self._engine.fonts.load()
        serve(channel, self._engine, limits, isolation, use)


def main() -> None:
    worker = take_standard_input()
    channel = Channel(worker)
    configuration = channel.receive().header
    with report_failed_start(channel):
        limit_resources(parent_pid=configuration["parent_pid"], memory_bytes=configuration["memory_bytes"])
        _set_name("pressrun-forks")
        engine = load_engine()(ask_nobody)
        engine.warm_up()
        font_paths()  # what it finds is kept, so that no child looks again
        _end_threads(engine)
        threads = _threads()
        if len(threads) > 1:
            _send(worker, {"type": "cannot_fork", "message": f"it has threads ({', '.join(threads)})"})
            os._exit(0)
        confine_fork_server(configuration["isolation"], scratch=Path(configuration["scratch"]))
    _send(worker, {"type": "ready"})
    ForkServer(worker, engine).run()


def _end_threads(engine: Engine) -> None:
    """Ends the threads of Pango. A fork would lose them, and children could not be confined."""
    deadline = time.monotonic() + _THREADS_END_SECONDS
    if len(_threads()) > 1:
        engine.fonts.unload()
    while len(_threads()) > 1 and time.monotonic() < deadline:
        time.sleep(0.001)


def _threads() -> list[str]:
    """Returns the names of the threads of this process."""
    names = []
    for number in os.listdir("/proc/self/task"):
        with suppress(FileNotFoundError, ProcessLookupError):
            names.append(Path(f"/proc/self/task/{number}/comm").read_text().strip())
    return names


def _set_name(name: str) -> None:
    """Sets the name that `ps` and `top` show."""
    Path("/proc/self/comm").write_text(name)


def _then_end(work: Any) -> NoReturn:
    """Ends a forked process after its work, so that it never goes on with what its parent does."""
    try:
        work()
    finally:
        os._exit(0)


def _send(worker: socket.socket, answer: dict[str, Any]) -> None:
    worker.sendall(b"".join(wire.encode(answer)))


if __name__ == "__main__":
    main()
