"""How strictly child processes are isolated: what this machine offers, and what is in force."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from jobs.core.settings import BadSetting, IsolationMode
from jobs.isolation import landlock, seccomp

Level = Literal["full", "partial", "none"]


@dataclass(frozen=True, slots=True)
class Isolation:
    """The level, and for each part that is missing a sentence why."""

    level: Level
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.level if not self.missing else f"{self.level} ({'; '.join(self.missing)})"


def check_required(mode: IsolationMode) -> None:
    """Raises BadSetting if full isolation is required, and this machine does not offer it."""
    isolation = offered()
    if mode == "required" and isolation.level != "full":
        raise BadSetting(
            "PRESSRUN_ISOLATION",
            f"is required, but the isolation that this machine offers is {isolation}",
            "auto, which runs documents without what is missing",
        )


def offered() -> Isolation:
    """Returns what this machine offers to the processes that it runs now."""
    if sys.platform != "linux":
        return Isolation("none", (f"only Linux has Landlock and seccomp, and this is {sys.platform}",))
    found = (landlock.why_missing(), seccomp.why_missing())
    missing = tuple(reason for reason in found if reason is not None)
    level: Level = "full" if not missing else "none" if len(missing) == len(found) else "partial"
    return Isolation(level, missing)
