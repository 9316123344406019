"""Moments inside a worker that tests can wait for."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobs.core.job import Claim
from jobs.process.testsignal import TestSignal


@dataclass(frozen=True, slots=True)
class WorkerSignals:
    ready: TestSignal[None] = field(default_factory=TestSignal)
    """The runners are started; the first claim follows."""
    looked: TestSignal[list[Claim]] = field(default_factory=TestSignal)
    """The worker has looked at the queue, and claimed these."""
    held: TestSignal[list[Claim]] = field(default_factory=TestSignal)
    """These claims are held now; emitted after each change."""
    ended: TestSignal[Claim] = field(default_factory=TestSignal)
    """The attempt is over: its outcome is written or refused, or it was handed back."""
    renewed: TestSignal[list[Claim]] = field(default_factory=TestSignal)
    """The leases of these claims were renewed, apart from those that were stopped."""
