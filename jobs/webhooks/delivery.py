"""A webhook delivery: one event for one target, with every attempt. Pure."""

from __future__ import annotations

import base64
import enum
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jobs.core.egress import EgressPolicy, UrlRefused
from jobs.core.times import rfc3339

_DEFAULT_PORTS = {"http": 80, "https": 443}
DELIVERY_ID = re.compile(r"whd_[a-z2-7]{26}\Z")


class DeliveryStatus(enum.StrEnum):
    PENDING = "pending"
    """Waits for its turn, for a retry to be due, or for a paused endpoint."""
    SENDING = "sending"
    SUCCEEDED = "succeeded"
    EXHAUSTED = "exhausted"
    """Every attempt has failed."""
    DISCARDED = "discarded"
    """The endpoint was disabled."""


def delivery_id(event_id: str, target_id: str, url: str = "") -> str:
    """Returns the same id each time, so that making the same delivery twice makes one."""
    return "whd_" + _digest(f"{event_id} {target_id} {url}")


def origin_of(url: str) -> str:
    """Returns scheme, host and port of a URL in one spelling. Raises ValueError if it has none."""
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("should be an http or https URL")
    return f"{parts.scheme}://{parts.hostname}:{parts.port or _DEFAULT_PORTS[parts.scheme]}"


def paced_origin(url: str) -> str:
    """Returns the origin with its host in one spelling, so that no other one escapes the pace."""
    try:
        target = EgressPolicy().check_url(url)
    except UrlRefused:  # nothing will be sent
        return origin_of(url)
    return f"{target.scheme}://{target.host}:{target.port}"


def origin_target(tenant: str, origin: str) -> str:
    """Returns the target that all `webhook_url`s of a tenant at one origin share."""
    return "wo_" + _digest(f"{tenant} {origin}")


@dataclass(frozen=True, slots=True)
class Delivery:
    id: str
    tenant: str
    target_id: str
    event_key: str
    event_id: str
    event_type: str
    status: DeliveryStatus
    url: str | None
    """Of a job's `webhook_url`; None for an endpoint."""
    created_ms: int
    due_ms: int | None
    finished_ms: int | None
    attempts: tuple[dict[str, Any], ...]

    @classmethod
    def from_record(cls, delivery_id: str, record: Mapping[bytes, bytes]) -> Delivery:
        def number(name: bytes) -> int | None:
            return int(record[name]) if name in record else None

        stored = {
            int(name[len(b"attempt:") :]): json.loads(value)
            for name, value in record.items()
            if name.startswith(b"attempt:")
        }
        url = record.get(b"url")
        return cls(
            id=delivery_id,
            tenant=record[b"tenant"].decode(),
            target_id=record[b"target"].decode(),
            event_key=record[b"event"].decode(),
            event_id=record[b"event_id"].decode(),
            event_type=record[b"type"].decode(),
            status=DeliveryStatus(record[b"status"].decode()),
            url=url.decode() if url else None,
            created_ms=int(record[b"created"]),
            due_ms=number(b"due"),
            finished_ms=number(b"finished"),
            attempts=tuple(each for claim in sorted(stored) for each in attempts_of(stored[claim])),
        )

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "endpoint_id": None if self.url else self.target_id,
            "url": self.url,
            "event_id": self.event_id,
            "event_type": self.event_type,
            "status": self.status,
            "created_at": rfc3339(self.created_ms),
            "next_attempt_at": None if self.due_ms is None else rfc3339(self.due_ms),
            "finished_at": None if self.finished_ms is None else rfc3339(self.finished_ms),
            "attempts": self.attempts,
        }


def attempts_of(stored: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the attempts of one claim: two if the first found its kept connection closed."""
    first = stored.pop("unanswered", None)
    return [stored] if first is None else [first, stored]


def _digest(text: str) -> str:
    return base64.b32encode(hashlib.sha256(text.encode()).digest())[:26].decode().lower()
