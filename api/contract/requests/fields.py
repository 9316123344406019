"""Types of members that several requests share."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from api.http.strict_json import canonical_json
from jobs.core.times import parse_time

MAX_METADATA_BYTES = 8 * 1024
"""A bound, because metadata is part of every event of its job."""
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


def _parse_time(value: object) -> datetime.datetime:
    """Parses a time as in RFC 3339, section 5.6. Unlike ISO 8601, it needs seconds and offset."""
    if isinstance(value, str) and _RFC3339.match(value):
        try:
            return parse_time(value.upper()).astimezone(datetime.UTC)
        except (ValueError, OverflowError):
            pass
    raise ValueError("should be a time such as 2026-01-31T12:00:00Z")


def _bounded_metadata(value: dict[str, Any]) -> dict[str, Any]:
    size = len(canonical_json(value)) if value else 0
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"should be at most {MAX_METADATA_BYTES} bytes of JSON, and is {size}")
    return value


def metadata_field(carriers: str) -> Any:
    """Declares the metadata of a request. `carriers` says what shows them again."""
    return Field(
        default_factory=dict,
        description=f"Your own data, which {carriers} carry. At most {MAX_METADATA_BYTES} bytes of JSON.",
    )


def webhook_url_field(says: str) -> Any:
    """Declares the `webhook_url` of a request. `says` completes "Receives the event that …"."""
    return Field(
        default=None,
        min_length=1,
        max_length=2048,
        description=f"Receives the event that {says}, signed with the secret of `GET /v1/webhook-secret`.",
    )


Metadata = Annotated[dict[str, Any], AfterValidator(_bounded_metadata)]
Time = Annotated[datetime.datetime, BeforeValidator(_parse_time, json_schema_input_type=datetime.datetime)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]
Limit = Annotated[int, Field(ge=1, le=100)]
