"""How many connections this process can hold: what the system lets it open, less what it needs itself."""

from __future__ import annotations

import resource

_OWN_FILES = 256
"""Store connections, listeners, logs, and what is being accepted."""


def raise_file_limit() -> None:
    """Up to what the system allows: every client is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connection_capacity() -> int:
    """At least a few, however small the limit is."""
    return max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OWN_FILES, 16)
