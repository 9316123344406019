"""Explains the outcome of a test delivery to an endpoint. Pure."""

from __future__ import annotations

import datetime
from typing import Any

EXPIRY_WARNING_DAYS = 14


def verdict(
    url: str, event_id: str, attempt: dict[str, Any] | None, signatures: int, now_ms: int
) -> dict[str, Any]:
    """Returns the answer of `POST …/test`. `attempt` is None if nothing was sent in time."""
    made = attempt or {}
    error = made.get("error")
    name = "not_sent" if attempt is None else "failed" if error else "ok"
    return {
        "verdict": name,
        "explanation": _explanation(attempt, now_ms),
        "event_id": event_id,
        "url": url,
        "dns": {
            "ok": attempt is not None and error != "dns_failed",
            "addresses": made.get("addresses", []),
            "connected_to": made.get("address"),
        },
        "policy": {
            "ok": attempt is not None and error != "address_refused",
            "message": made.get("message") if error == "address_refused" else None,
        },
        "tls": made.get("tls"),
        "status": made.get("status"),
        "error": error,
        "duration_ms": made.get("duration_ms"),
        "phases_ms": made.get("phases_ms"),
        "answer": made.get("answer"),
        "signature": {"scheme": "v1", "signatures": signatures, "header": "webhook-signature"},
    }


def _explanation(attempt: dict[str, Any] | None, now_ms: int) -> str:
    if attempt is None:
        return "Nothing was sent: no notifier took the test in time. Is `python -m notifier` running?"
    if attempt["error"]:
        return str(attempt["message"])
    text = f"The receiver answered {attempt['status']} in {attempt['duration_ms']:g} ms."
    if attempt["message"]:
        text += f" {attempt['message']}"
    expires = (attempt.get("tls") or {}).get("expires_at")
    if expires:
        left = datetime.datetime.fromisoformat(expires).timestamp() - now_ms / 1000
        if left < EXPIRY_WARNING_DAYS * 86_400:
            text += f" Its certificate expires soon, at {expires}."
    return text
