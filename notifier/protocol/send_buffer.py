"""Frames that wait to be sent to one client."""

from __future__ import annotations

MAX_BUFFERED_BYTES = 1024 * 1024
"""How much may wait. A client that is further behind is closed; it reconnects and resumes."""
_FRAME_OVERHEAD_BYTES = 64
"""Counted for each frame besides its bytes, which bounds the number of tiny frames, too."""
_MAX_PROGRESS = 1000
"""For how many jobs progress may wait. The oldest is dropped first."""


class SendBuffer:
    """A queue of frames with a budget of bytes, and the latest progress of each job."""

    __slots__ = ("_bytes", "_frames", "_progress")

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._bytes = 0
        self._progress: dict[str, bytes] = {}

    def put(self, frame: bytes) -> bool:
        """Adds a frame; if the budget is used up, drops everything and returns False."""
        counted = len(frame) + _FRAME_OVERHEAD_BYTES
        # One frame may always wait, whatever its size: a client that keeps up is never too slow.
        if self._frames and self._bytes + counted > MAX_BUFFERED_BYTES:
            self.clear()
            return False
        self._frames.append(frame)
        self._bytes += counted
        return True

    def take(self) -> bytes | None:
        if not self._frames:
            return None
        frame = self._frames.pop(0)
        self._bytes -= len(frame) + _FRAME_OVERHEAD_BYTES
        return frame

    def put_progress(self, key: str, frame: bytes) -> None:
        """Adds progress, and drops older progress with the same key."""
        self._progress[key] = frame
        if len(self._progress) > _MAX_PROGRESS:
            self.drop_progress(next(iter(self._progress)))

    def take_progress(self) -> bytes | None:
        return self._progress.pop(next(iter(self._progress))) if self._progress else None

    def drop_progress(self, key: str) -> None:
        self._progress.pop(key, None)

    def drop_progress_of(self, subscription: str) -> None:
        """Drops all progress whose `progress_key` is of this subscription."""
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
