"""What one client may use of a server: bytes, time and connections."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpBounds:
    """The bounds of every HTTP port. `docs/operating.md` has what a client sees of them."""

    head_bytes: int = 64 * 1024
    """Request line and headers together. It leaves room for options in the URL of `/v1/pdf`."""
    head_fields: int = 100
    """Headers. Browsers and proxies together send about 30."""
    head_s: float = 10.0
    """From the first byte of a request to the end of its headers."""
    idle_s: float = 75.0
    """A connection without a request. Most proxies close theirs after a minute. If this were
    shorter, they would send requests into connections that are being closed."""
    linger_bytes: int = 128 * 1024**2
    """What is still read after an early answer, and thrown away. Many clients send all before they
    read; without this, they would see a reset in place of the answer. More than twice the default
    limit of a body."""
    linger_s: float = 30.0
    """How long that may take."""
    refused_s: float = 1.0
    """The same for a connection that was one too many."""
    stalled_s: float = 60.0
    """How long a client may read nothing of an answer that waits for it."""


DEFAULT_HTTP_BOUNDS = HttpBounds()
