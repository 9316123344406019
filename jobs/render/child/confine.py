"""Restricts a child process before it reads a document. All restrictions of the system are here.

First `limit_resources`, then the imports that need files and programs, then `confine`. The worker
kills the child at its deadline and above its memory limit in any case.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from jobs.core.settings import IsolationMode
from jobs.isolation import landlock, seccomp
from jobs.isolation.level import Isolation, offered
from jobs.isolation.linux import PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, machine, prctl
from jobs.isolation.readable import font_paths, readable_paths
from jobs.isolation.refusals import refusals, refusals_of_fork_server

_ADDRESS_SPACE_HEADROOM_BYTES = 1024**3
"""A trivial render maps 285 MB. With less than 1 GiB of headroom, harmless documents fail."""
_MAX_FILE_BYTES = 256 * 1024**2
"""One temporary file. The worker looks at all of them together, but only ten times a second."""
_MAX_OPEN_FILES = 256
_CPU_GRACE_SECONDS = 10

_INHERITED_VARIABLES = frozenset(
    {
        "PATH",
        "HOME",
        "LANG",
        "TZ",
        "TZDIR",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
        "FONTCONFIG_FILE",
        "FONTCONFIG_PATH",
        "FONTCONFIG_SYSROOT",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_DIRS",
        "XDG_CONFIG_HOME",
        "XDG_DATA_DIRS",
        "XDG_DATA_HOME",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
    }
)
"""Variables of the dynamic linker, fontconfig, locales and TLS. None of them is a credential."""


def child_environment(environ: Mapping[str, str], *, import_root: str) -> dict[str, str]:
    """Returns the environment of a child: known variables only, and so no secrets."""
    kept = {
        name: value
        for name, value in environ.items()
        if name in _INHERITED_VARIABLES or name.startswith("LC_")
    }
    return {"LANG": "C.UTF-8", **kept, "PYTHONPATH": import_root, "PYTHONSAFEPATH": "1"}


class NotConfined(Exception):
    """The process could not be confined. The message says why."""


def limit_resources(*, parent_pid: int, memory_bytes: int, open_files: int = _MAX_OPEN_FILES) -> None:
    """Limits this process, and lets it end with its parent. Call it first, and once.

    Processes that it forks have the same limits. They call `end_with_parent`.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Platforms and terminals send these to every process, but the worker ends its children.
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    end_with_parent(parent_pid)
    # Processes that move jobs and events go first: a quarter more PDFs a second on busy cores.
    os.nice(10)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, _MAX_FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, open_files)
    _limit(resource.RLIMIT_AS, memory_bytes + _ADDRESS_SPACE_HEADROOM_BYTES)


def end_with_parent(parent_pid: int) -> None:
    """Lets this process end with its parent, at once if the parent has ended already (Linux)."""
    if sys.platform == "linux":
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)  # the parent died before this process asked to die with it


def limit_growth(memory_bytes: int) -> None:
    """Lets this process map so much memory more than it has now. Call it after the imports."""
    with suppress(OSError):  # there is no /proc on macOS
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + memory_bytes)


def confine(mode: IsolationMode, *, scratch: Path | None, fonts: bool, network: bool) -> Isolation:
    """Closes files, network and other processes to this process, for ever.

    Call it once, after the imports and before any thread starts. Only `scratch` stays writable.

    Returns:
        What is in force, which is what the kernel offers.

    Raises:
        NotConfined: `mode` is ``required``, and the kernel does not offer all of it; or another
            thread runs already, which would stay free.
    """
    if mode == "off":
        return Isolation("none", ("isolation is switched off",))
    isolation = offered()
    if mode == "required" and isolation.level != "full":
        raise NotConfined(f"PRESSRUN_ISOLATION is required, but it is {isolation}")
    name = machine()
    if name is None:
        return isolation
    if len(os.listdir("/proc/self/task")) > 1:
        raise NotConfined("a thread was started before the process was confined")
    readable = [*readable_paths(network=network), *(font_paths() if fonts else ())]
    prctl(PR_SET_DUMPABLE, 0)
    if landlock.why_missing() is None:
        landlock.restrict(readable=readable, writable=[scratch] if scratch else [], network=network)
    if seccomp.why_missing() is None:
        seccomp.install(seccomp.build(refusals(network=network), name, os.getpid()))
    return isolation


def confine_fork_server(mode: IsolationMode, *, scratch: Path) -> None:
    """Closes files, network and other processes to this process and to those that it forks.

    Render children, whose directories are in `scratch`, can be confined further: they also open
    their own files of /proc. Call it once, when there is no second thread.
    """
    name = machine()
    if mode == "off" or name is None:
        return
    if landlock.why_missing() is None:
        readable = [*readable_paths(network=False), *font_paths()]
        landlock.restrict(readable=readable, writable=[scratch, Path("/proc")], network=False)
    if seccomp.why_missing() is None:
        seccomp.install(seccomp.build(refusals_of_fork_server(), name, os.getpid()))


def allow_cpu(timeout_ms: int) -> None:
    """Ends the process if the next render uses more processor time, in case the worker cannot.

    A resource limit would have to be raised for each render, which a confined process cannot do.
    """
    signal.setitimer(signal.ITIMER_PROF, timeout_ms / 1000 + _CPU_GRACE_SECONDS)


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with suppress(ValueError, OSError):  # macOS refuses some of them
        resource.setrlimit(what, (value, value))
