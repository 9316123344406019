"""Restricts a child process before it reads a document. All restrictions of the system are here.

If the system lacks one, the child runs without it. The worker kills the child at its deadline and
above its memory limit in any case.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress

_ADDRESS_SPACE_HEADROOM_BYTES = 1024**3
"""A trivial render maps 285 MB. With less than 1 GiB of headroom, harmless documents fail."""
_MAX_FILE_BYTES = 512 * 1024**2
_MAX_OPEN_FILES = 256
_CPU_GRACE_SECONDS = 10

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

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


def confine(*, parent_pid: int, memory_bytes: int) -> None:
    """Restricts this process. Call it once, before WeasyPrint is imported."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Platforms and terminals send these to every process, but the worker ends its children.
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(1)  # the worker died before this process asked to die with it
    # Processes that move jobs and events go first: a quarter more PDFs a second on busy cores.
    os.nice(10)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, _MAX_FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)
    _limit(resource.RLIMIT_AS, memory_bytes + _ADDRESS_SPACE_HEADROOM_BYTES)


def allow_cpu(timeout_ms: int) -> None:
    """Limits the processor time of the next render, in case the worker cannot kill it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + timeout_ms / 1000) + _CPU_GRACE_SECONDS
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(
        resource.RLIMIT_CPU, (seconds if hard == resource.RLIM_INFINITY else min(seconds, hard), hard)
    )


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with suppress(ValueError, OSError):  # macOS refuses some of them
        resource.setrlimit(what, (value, value))
