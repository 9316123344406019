"""Signs and verifies as Standard Webhooks 1.0.0 describes, with scheme ``v1``. Pure.

https://www.standardwebhooks.com
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping

TOLERANCE_S = 300
"""How far the timestamp may be off the receiver's clock."""


def signed_headers(keys: Iterable[bytes], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Returns the three headers, with one signature for each key.

    `timestamp` is that of the attempt, in Unix seconds.
    """
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, event_id, timestamp, body) for key in keys),
    }


def signature(key: bytes, event_id: str, timestamp: int, body: bytes) -> str:
    """Returns the HMAC-SHA256 over id, timestamp and body, with full stops between them."""
    content = b"%b.%d.%b" % (event_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()


def is_genuine(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Verifies as a receiver does: one signature matches, and the timestamp is close to `now`.

    `now` is in Unix seconds.
    """
    timestamp = headers.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(int(timestamp) - now) > TOLERANCE_S:
        return False
    wanted = signature(key, headers.get("webhook-id", ""), int(timestamp), body).encode()
    given = headers.get("webhook-signature", "").encode().split(b" ")
    return any(hmac.compare_digest(wanted, each) for each in given)
