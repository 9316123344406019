"""A webhook endpoint: its settings, and which events it wants. Pure."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from jobs.core.events import EVENT_TYPES
from jobs.core.times import rfc3339
from jobs.store.keys import WEBHOOK_MAX_IN_FLIGHT

DEFAULT_EVENT_TYPES = ("job.succeeded", "job.failed", "job.cancelled", "batch.completed")
"""What an endpoint gets that names no types: the events of everything that ends."""
UNDELIVERABLE_EVENT_TYPES = frozenset({"webhook_delivery.exhausted"})
"""Types that no endpoint gets: receivers that fail must not cause more deliveries."""
DELIVERABLE_EVENT_TYPES = tuple(each for each in EVENT_TYPES if each not in UNDELIVERABLE_EVENT_TYPES)
"""What an endpoint may ask for. (A tested endpoint gets `webhook.test` without asking.)"""


class EndpointStatus(enum.StrEnum):
    ENABLED = "enabled"
    PAUSED = "paused"
    """Deliveries are held until it is enabled again."""
    DISABLED = "disabled"
    """Deliveries are discarded; they can be recovered once it is enabled again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    url: str
    event_types: tuple[str, ...] = DEFAULT_EVENT_TYPES
    """Names of events, with ``*`` for any characters."""
    kinds: tuple[str, ...] = ()
    """Only events of jobs of these kinds; empty for all."""
    tags: tuple[str, ...] = ()
    """Only events of jobs with one of these tags; empty for all."""
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    max_in_flight: int = WEBHOOK_MAX_IN_FLIGHT
    max_per_second: float | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> EndpointConfig:
        """Takes its fields from `members`, which may have others."""
        known: dict[str, Any] = {name: members[name] for name in cls.__dataclass_fields__ if name in members}
        for name in ("event_types", "kinds", "tags"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    id: str
    tenant: str
    status: EndpointStatus
    config: EndpointConfig
    sealed: str = field(repr=False)
    """Secrets and headers (see `jobs.webhooks.credentials`)."""
    change: int = 0
    """The number of its last change, counted over all endpoints of the tenant."""
    first_sequence: int = 0
    created_ms: int = 0
    updated_ms: int = 0
    disabled_ms: int | None = None
    disabled_reason: str | None = None

    @classmethod
    def from_record(cls, endpoint_id: str, record: Mapping[bytes, bytes]) -> Endpoint:
        disabled, reason = record.get(b"disabled"), record.get(b"reason")
        return cls(
            id=endpoint_id,
            tenant=record[b"tenant"].decode(),
            status=EndpointStatus(record[b"status"].decode()),
            config=EndpointConfig.of(json.loads(record[b"config"])),
            sealed=record[b"sealed"].decode(),
            change=int(record[b"changed"]),
            first_sequence=int(record[b"first"]),
            created_ms=int(record[b"created"]),
            updated_ms=int(record[b"updated"]),
            disabled_ms=int(disabled) if disabled else None,
            disabled_reason=reason.decode() if reason else None,
        )

    def document(self, headers: Mapping[str, str] | None, recoverable: int) -> dict[str, Any]:
        """`recoverable` counts deliveries to recover."""
        return {
            "id": self.id,
            "status": self.status,
            **asdict(self.config),
            "headers": headers,
            "created_at": rfc3339(self.created_ms),
            "updated_at": rfc3339(self.updated_ms),
            "disabled_at": None if self.disabled_ms is None else rfc3339(self.disabled_ms),
            "disabled_reason": self.disabled_reason,
            "recoverable": recoverable,
        }


def type_pattern(event_types: Collection[str]) -> re.Pattern[str]:
    """Returns a pattern that matches the names of events that any of the globs means."""
    # Many stars in a row mean the same as one, but would take a regular expression for ever.
    globs = (re.sub(r"\*+", "*", glob) for glob in event_types)
    return re.compile("|".join(re.escape(glob).replace(r"\*", ".*") for glob in globs))


def wants_job(config: EndpointConfig, job: Mapping[str, Any] | None) -> bool:
    """Tells if the filters by kind and tag let an event pass. `job` is None if it is about none."""
    if not config.kinds and not config.tags:
        return True
    if job is None:
        return False
    return (not config.kinds or job["kind"] in config.kinds) and (
        not config.tags or not set(config.tags).isdisjoint(job["tags"])
    )
