"""How many connections this process can hold: its limit of open files, less its own files."""

from __future__ import annotations

import resource

_OWN_FILES = 256
"""For store connections, listeners, logs, and connections that are being accepted."""


def raise_file_limit() -> None:
    """Raises the limit of open files to what the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connection_capacity() -> int:
    """Returns how many clients fit; at least 16, however low the limit is."""
    return max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OWN_FILES, 16)
