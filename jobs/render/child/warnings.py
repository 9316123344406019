"""Collects the warnings about a document: each once, the worst first, and few of each code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

from jobs.render.protocol.messages import MAX_WARNINGS
from jobs.render.protocol.warning_codes import WarningCode, rank

MAX_OF_A_CODE = 20
"""So that ignored CSS, of which there is often plenty, does not hide a missing image."""
_MAX_MESSAGE_CHARACTERS = 500
_MAX_URL_CHARACTERS = 500


class Warnings:
    def __init__(self, cleaned: Callable[[str], str] = str) -> None:
        """`cleaned` is applied to each text that is listed."""
        self._cleaned = cleaned
        self._of_code: dict[WarningCode, dict[Hashable, dict[str, Any]]] = {}
        self._omitted: Counter[WarningCode] = Counter()

    def add(
        self,
        code: WarningCode,
        message: str,
        *,
        key: Hashable = None,
        url: str | None = None,
        source: str | None = None,
        line: int | None = None,
        element: str | None = None,
        page: int | None = None,
    ) -> None:
        """Adds a warning, or counts it if there is one of this code and `key` (or message)."""
        message = self._cleaned(message)
        group = self._of_code.setdefault(code, {})
        if key is None:
            key = message
        if (known := group.get(key)) is not None:
            known["count"] = known.get("count", 1) + 1
            return
        if len(group) >= MAX_OF_A_CODE:
            self._omitted[code] += 1
            return
        warning: dict[str, Any] = {"code": code, "message": shortened(message, _MAX_MESSAGE_CHARACTERS)}
        group[key] = warning
        if url is not None:
            warning["url"] = shortened(self._cleaned(url), _MAX_URL_CHARACTERS)
        if source is not None:
            warning["source"] = shortened(self._cleaned(source), _MAX_URL_CHARACTERS)
        if line is not None:
            warning["line"] = line
        if element is not None:
            warning["element"] = shortened(self._cleaned(element), _MAX_URL_CHARACTERS)
        if page is not None:
            warning["page"] = page

    def listed(self) -> tuple[list[dict[str, Any]], dict[WarningCode, int]]:
        """Returns the warnings, the worst first, and how many of each code are left out."""
        omitted = Counter(self._omitted)
        found: list[dict[str, Any]] = []
        for code in sorted(self._of_code, key=rank):
            group = list(self._of_code[code].values())
            shown = group[: MAX_WARNINGS - len(found)]
            found += shown
            if len(shown) < len(group):
                omitted[code] += len(group) - len(shown)
        return found, dict(omitted)


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
