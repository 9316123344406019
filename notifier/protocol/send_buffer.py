"""What waits to be sent to one client: frames in order within a budget, and of progress the latest only. Pure."""

from __future__ import annotations

MAX_OUTBOX_BYTES = 1024 * 1024
"""What may wait to be sent; beyond it the client is too slow and is closed. It reconnects and resumes."""
_FRAME_OVERHEAD_BYTES = 64
"""Charged for each waiting frame besides its bytes, so that tiny frames cannot pile up either."""
_MAX_PROGRESS = 1000
"""Of how many jobs progress may wait; the oldest is dropped first."""


class SendBuffer:
    __slots__ = ("_bytes", "_frames", "_progress")

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._bytes = 0
        self._progress: dict[str, bytes] = {}

    def put(self, frame: bytes) -> bool:
        """False where the budget is used up: everything is dropped then."""
        charged = len(frame) + _FRAME_OVERHEAD_BYTES
        # Whatever its size, one frame may always wait: a client that keeps up is never too slow.
        if self._frames and self._bytes + charged > MAX_OUTBOX_BYTES:
            self.clear()
            return False
        self._frames.append(frame)
        self._bytes += charged
        return True

    def take(self) -> bytes | None:
        if not self._frames:
            return None
        frame = self._frames.pop(0)
        self._bytes -= len(frame) + _FRAME_OVERHEAD_BYTES
        return frame

    def put_progress(self, key: str, frame: bytes) -> None:
        """Replaces what waits under this key."""
        self._progress[key] = frame
        if len(self._progress) > _MAX_PROGRESS:
            self.drop_progress(next(iter(self._progress)))

    def take_progress(self) -> bytes | None:
        return self._progress.pop(next(iter(self._progress))) if self._progress else None

    def drop_progress(self, key: str) -> None:
        self._progress.pop(key, None)

    def drop_progress_of(self, subscription: str) -> None:
        """All that waits under `progress_key`s of the subscription."""
        for key in [key for key in self._progress if key.partition(" ")[0] == subscription]:
            del self._progress[key]

    def clear(self) -> None:
        self._frames.clear()
        self._bytes = 0
        self._progress.clear()

    def clear_progress(self) -> None:
        self._progress.clear()


def progress_key(subscription: str, job_id: str | None) -> str:
    return f"{subscription} {job_id}"
