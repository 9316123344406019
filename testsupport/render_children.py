"""Render children seen from outside, and impostors of them."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from jobs.render.parent.pool import RenderPool

IMPOSTOR = """
import os, pickle, socket, struct, sys, time
from jobs.render.protocol import wire
worker = socket.socket(fileno=0)
def send(header, body=b""):
    worker.sendall(b"".join(wire.encode(header, body)))
worker.recv(65536)
READY = {"type": "ready", "engine": "impostor", "isolation": "none", "missing_isolation": []}
send(READY)
request = worker.recv(65536)
"""
"""A child that says it is ready and waits for a document; append what it does then."""


def impostor(behaviour: str) -> tuple[str, ...]:
    """The command of a render child that a hostile document controls."""
    return (sys.executable, "-c", IMPOSTOR + behaviour)


def child_pids() -> list[int]:
    """The render children of this process, zombies included."""
    pids = []
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            pids += [int(pid) for pid in (thread / "children").read_text().split()]
    return [pid for pid in pids if is_render_child(pid)]


def is_render_child(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return b"jobs.render.child.main" in command or name == "pressrun-render" or state == "Z"


def runs(pid: int) -> bool:
    """Whether a process runs. One that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def busy_pids(pool: RenderPool) -> list[int]:
    """The children that are rendering."""
    return [pid for pid, is_busy in pool.children.items() if is_busy]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
