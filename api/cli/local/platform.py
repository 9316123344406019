"""Guesses which platform runs this process, and when it kills what does not stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Platform:
    """`stop_seconds` is the time from SIGTERM to SIGKILL, if nobody has set another one."""

    name: str
    stop_seconds: int
    longer: str
    """How to get more time; empty if there is no way."""


HEROKU = Platform("Heroku", 30, "")
KUBERNETES = Platform("Kubernetes", 30, "raise terminationGracePeriodSeconds of the pod")
DOCKER = Platform("Docker", 10, "raise `stop_grace_period` in Compose, or `docker run --stop-timeout`")


def platform_of(environ: Mapping[str, str], root: Path = Path("/")) -> Platform | None:
    """Returns the platform whose traces are in the environment or in the files below `root`."""
    if "DYNO" in environ:
        return HEROKU
    if "KUBERNETES_SERVICE_HOST" in environ:
        return KUBERNETES
    # Docker makes `.dockerenv`. Podman makes `.containerenv`, and also kills after 10 s.
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        return DOCKER
    return None
