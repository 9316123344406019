"""A webhook endpoint: what its owner says about it, and which events it is owed. Pure."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from jobs.core.events import EVENT_TYPES
from jobs.core.times import rfc3339
from jobs.store.keys import WEBHOOK_MAX_IN_FLIGHT

DEFAULT_EVENT_TYPES = ("job.succeeded", "job.failed", "job.cancelled", "batch.completed")
"""What an endpoint is owed that names no types: everything that ends."""
UNDELIVERABLE_EVENT_TYPES = frozenset({"webhook_delivery.exhausted"})
"""Types that no endpoint is told, whatever it asks for."""
DELIVERABLE_EVENT_TYPES = tuple(each for each in EVENT_TYPES if each not in UNDELIVERABLE_EVENT_TYPES)
"""What an endpoint may ask for. (`webhook.test` goes to an endpoint under test whatever it asks for.)"""


class EndpointStatus(enum.StrEnum):
    ENABLED = "enabled"
    """Deliveries are sent."""
    PAUSED = "paused"
    """Deliveries are held until it is enabled again."""
    DISABLED = "disabled"
    """Deliveries are discarded; they can be recovered once it is enabled again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """What its owner may set."""

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
    def from_json(cls, text: str | bytes) -> EndpointConfig:
        """Members of a later release are left out."""
        members = json.loads(text)
        known: dict[str, Any] = {name: members[name] for name in cls.__dataclass_fields__ if name in members}
        for name in ("event_types", "kinds", "tags"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint as it is stored."""

    id: str
    tenant: str
    status: EndpointStatus
    config: EndpointConfig
    sealed: str = field(repr=False)
    """Secrets and headers (see `jobs.webhooks.credentials`)."""
    change: int = 0
    """Number of the last change among all of the tenant's."""
    first_sequence: int = 0
    """The first event it is owed."""
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
            config=EndpointConfig.from_json(record[b"config"]),
            sealed=record[b"sealed"].decode(),
            change=int(record[b"changed"]),
            first_sequence=int(record[b"first"]),
            created_ms=int(record[b"created"]),
            updated_ms=int(record[b"updated"]),
            disabled_ms=int(disabled) if disabled else None,
            disabled_reason=reason.decode() if reason else None,
        )

    def evolve(self, **changes: Any) -> Endpoint:
        return replace(self, **changes)

    def document(self, headers: Mapping[str, str] | None, recoverable: int) -> dict[str, Any]:
        """As the API shows it. `recoverable`: how many deliveries could be recovered."""
        config = self.config
        return {
            "id": self.id,
            "url": config.url,
            "status": self.status,
            "description": config.description,
            "metadata": config.metadata,
            "event_types": config.event_types,
            "kinds": config.kinds,
            "tags": config.tags,
            "headers": headers,
            "max_in_flight": config.max_in_flight,
            "max_per_second": config.max_per_second,
            "created_at": rfc3339(self.created_ms),
            "updated_at": rfc3339(self.updated_ms),
            "disabled_at": None if self.disabled_ms is None else rfc3339(self.disabled_ms),
            "disabled_reason": self.disabled_reason,
            "recoverable": recoverable,
        }


def type_pattern(event_types: Collection[str]) -> re.Pattern[str]:
    """Matches the whole name of an event that any of the globs means."""
    # A row of stars means what one means, and would take a regular expression for ever.
    globs = (re.sub(r"\*+", "*", glob) for glob in event_types)
    return re.compile("|".join(re.escape(glob).replace(r"\*", ".*") for glob in globs))


def wants_job(config: EndpointConfig, job: Mapping[str, Any] | None) -> bool:
    """Whether the filters by kind and tag let an event pass that is about `job` (None: about something else)."""
    if not config.kinds and not config.tags:
        return True
    if job is None:
        return False
    return (not config.kinds or job["kind"] in config.kinds) and (
        not config.tags or not set(config.tags).isdisjoint(job["tags"])
    )
