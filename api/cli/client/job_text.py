"""Formats jobs for a terminal."""

from __future__ import annotations

import datetime
from typing import Any

STYLES = {
    "scheduled": "cyan",
    "queued": "cyan",
    "running": "blue",
    "retrying": "yellow",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "dim",
}
"""The style of each status, in rich's terms."""
WARNING_STYLES = {"error": "red", "warning": "yellow", "info": "dim"}
"""The style of a warning of each severity, in rich's terms."""


def size(count: int) -> str:
    """Formats a number of bytes, such as ``48.2 kB``."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 100 else f"{milliseconds:.0f} ms"


def age(time: str, now: datetime.datetime) -> str:
    """Formats how far `time` is from now, such as ``3 min ago`` or ``in 3 min``."""
    elapsed = (now - datetime.datetime.fromisoformat(time)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if abs(elapsed) >= length:
            count = f"{abs(elapsed) // length:.0f} {unit}"
            return f"{count} ago" if elapsed > 0 else f"in {count}"
    return "now"


def titled_outcome(job: dict[str, Any]) -> str:
    """Returns the title of the document, if it is known, and the outcome."""
    title = (job["result"] or {}).get("title")
    return f"{title}: {outcome(job)}" if title else outcome(job)


def outcome(job: dict[str, Any]) -> str:
    """Says in one line what the job produced, why it failed, or how far it is."""
    result, error, progress = job["result"], job["error"], job["progress"]
    if result is not None:
        parts = [counted(result["pages"], "page")] if "pages" in result else []
        parts.append(size(result["bytes"]) + ("" if result["url"] else ", expired"))
        if result.get("warnings"):
            parts.append(counted(len(result["warnings"]), "warning"))
        return ", ".join(parts)
    if error is not None:
        return f"{error['code']}: {error['message']}"
    if progress is not None and job["status"] == "running":
        page = f", page {progress['page']}" if progress.get("page") else ""
        return f"{progress['percent']} %, {progress['stage']}{page}"
    return ""


def warning(found: dict[str, Any]) -> tuple[str, str]:
    """Returns the severity of one of a result's warnings, and what it says as a line."""
    severity = found.get("severity", "warning")  # jobs of releases before severities have none
    about = [str(found[name]) for name in ("url", "source") if name in found]
    if "line" in found:
        about.append(f"line {found['line']}")
    if found.get("element", "") not in found["message"]:
        about.append(str(found["element"]))
    if "page" in found:
        about.append(f"page {found['page']}")
    if "count" in found:
        about.append(f"{found['count']} times")
    where = f" ({', '.join(about)})" if about else ""
    return severity, f"{found['message']}{where}"
