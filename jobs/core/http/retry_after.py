from __future__ import annotations

import email.utils


def parse_retry_after(value: str | None, now_ms: int) -> int:
    """Returns milliseconds (RFC 9110 section 10.2.3); 0 if it makes no sense."""
    if value is None:
        return 0
    value = value.strip()
    if value.isascii() and value.isdigit():
        return int(value[:9]) * 1000
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return 0
    return max(0, round(moment.timestamp() * 1000) - now_ms)
