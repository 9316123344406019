"""What the checker says about a promise that was not kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    promise: str
    """The name of the module that checks it."""
    what: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what}"
