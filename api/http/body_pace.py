"""Decides when a body comes too slowly. No I/O."""

from __future__ import annotations

PATIENCE_S = 30.0
"""How long a client may pause in the middle of a body."""
LEAST_BYTES_PER_S = 1024
"""Below this, a client is taken for one that wants to hold a connection. The slowest mobile lines
send twice as much."""


class BodyPace:
    """The patience left with one client.

    Waiting uses it up and each byte gives some back, so that a body may take any time as long as
    it comes at `LEAST_BYTES_PER_S`, averaged over `PATIENCE_S`. Only time in which the server waits
    for the client counts.
    """

    def __init__(self, patience_s: float = PATIENCE_S, least_bytes_per_s: float = LEAST_BYTES_PER_S) -> None:
        self._patience_s = patience_s
        self._least_bytes_per_s = least_bytes_per_s
        self.left_s = patience_s
        """How long the next part may take. Not above zero: it came too late."""

    def arrived(self, size: int, after_s: float) -> None:
        """Counts a part of the body, for which the server waited `after_s`."""
        self.left_s = min(self._patience_s, self.left_s - after_s + size / self._least_bytes_per_s)
