"""Signatures as Standard Webhooks 1.0.0 has them (https://www.standardwebhooks.com), scheme ``v1``. Pure."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping

TOLERANCE_S = 300
"""How far a timestamp may be from the receiver's clock."""


def signed_headers(keys: Iterable[bytes], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers. `timestamp` is that of the attempt, in Unix seconds; one signature for each key."""
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, event_id, timestamp, body) for key in keys),
    }


def signature(key: bytes, event_id: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over id, timestamp and body, with full stops between."""
    content = b"%b.%d.%b" % (event_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()


def is_genuine(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """The receiver's side: whether one of the signatures fits, and the timestamp is of now (Unix seconds)."""
    timestamp = headers.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(int(timestamp) - now) > TOLERANCE_S:
        return False
    wanted = signature(key, headers.get("webhook-id", ""), int(timestamp), body).encode()
    given = headers.get("webhook-signature", "").encode().split(b" ")
    return any(hmac.compare_digest(wanted, each) for each in given)
