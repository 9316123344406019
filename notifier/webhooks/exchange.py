"""The result of one request to a receiver. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jobs.core.times import rfc3339

Outcome = Literal["succeeded", "failed", "gone", "fault"]

PHASES = ("dns", "connect", "tls", "first_byte", "body")
ANSWER_BYTES = 1024
"""How much of an answer is kept for the owner of the endpoint to see."""


@dataclass(slots=True)
class Exchange:
    """One request and its answer, filled in on the way."""

    phases_ms: dict[str, float] = field(default_factory=dict)
    """The durations of those of `PHASES` that happened."""
    total_ms: float = 0.0
    status: int | None = None
    answer: bytes | None = None
    error: str | None = None
    """A stable code; None if the receiver answered with 2xx."""
    message: str | None = None
    """Explains `error`; without an error, says what was odd about the answer."""
    is_fault: bool = False
    """The error is, or may be, on our side."""
    retry_after_ms: int = 0
    addresses: list[str] = field(default_factory=list)
    """What the host resolved to."""
    address: str | None = None
    """The address that the connection went to."""
    is_sent: bool = False
    """The request was written to a connection, so the receiver may have it."""
    is_reused: bool = False
    """The request went over a connection of an earlier one."""
    unanswered: Exchange | None = None
    """The same request, sent before over a connection that the receiver then closed."""
    tls: dict[str, Any] | None = None

    @property
    def outcome(self) -> Outcome:
        """What the exchange means for the delivery. 410: the receiver is gone for good."""
        if self.error is None:
            return "succeeded"
        if self.is_fault:
            return "fault"
        return "gone" if self.status == 410 else "failed"

    def record(self, started_ms: int, queue_ms: int) -> str:
        return _as_json(self._document(started_ms, queue_ms))

    def _document(self, started_ms: int, queue_ms: int) -> dict[str, Any]:
        first = self.unanswered
        if first is not None:
            again_ms = started_ms + round(first.total_ms)
            return {
                **replace(self, unanswered=None)._document(again_ms, 0),
                "unanswered": first._document(started_ms, queue_ms),
            }
        return {
            "at": rfc3339(started_ms),
            "sent": self.is_sent,
            "status": self.status,
            "error": self.error,
            "message": self.message,
            "is_fault": self.is_fault,
            "duration_ms": round(self.total_ms, 1),
            "phases_ms": {
                "queue": queue_ms,
                **{
                    name: round(ms, 1) if (ms := self.phases_ms.get(name)) is not None else None
                    for name in PHASES
                },
            },
            "address": self.address,
            **({"addresses": self.addresses} if self.addresses else {}),
            **({"tls": self.tls} if self.tls else {}),
            "answer": None if self.answer is None else self.answer[:ANSWER_BYTES].decode(errors="replace"),
        }


_as_json = json.JSONEncoder(separators=(",", ":")).encode
