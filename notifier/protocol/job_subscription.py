"""A subscription to one job: the snapshot, then every later version, once and in order.

The hub registers a subscription before it reads the snapshot, and the subscription holds events
that arrive in between, so it misses none. The version tells which of them the snapshot contains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobs.core.job import Job
from notifier.protocol.frames import EventFrame, ProgressFrame

if TYPE_CHECKING:
    from notifier.protocol.channel_subscription import ResetReason
    from notifier.protocol.session import Session


@dataclass(eq=False, slots=True)
class JobSubscription:
    """One client's subscription to one job. Its session sends what it has for the client."""

    id: str
    reply_to: int | str | None
    tenant: str
    job_id: str
    _session: Session
    version: int | None = None
    """The newest that the client knows; None before the snapshot."""
    batch_id: str | None = None
    """Set with the snapshot."""
    _held: list[EventFrame] | None = field(default_factory=list)
    _is_terminal: bool = False
    _claim: int = 0

    def hold(self) -> None:
        """Holds events until `snapshot`, `catch_up` or `release`, while the hub reads the job."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Delivers the held events, except those that the client knows already."""
        held, self._held = self._held or (), None
        for event in held:
            self.offer(event)

    def offer(self, event: EventFrame) -> None:
        """Delivers a live event, or holds it; drops one that the client knows already."""
        if self._held is not None:
            self._held.append(event)
        elif self.version is not None and event.version > self.version:
            self._deliver(event)

    def offer_progress(self, progress: ProgressFrame) -> None:
        """Delivers live progress, unless it belongs to an older claim or the job has ended."""
        if self._held is None and not self._is_terminal and progress.claim >= self._claim:
            self._claim = progress.claim
            self._session.send_progress(self, progress.encode(self.id))

    def snapshot(self, job: Job) -> None:
        """Sends the job, read after the subscription was registered, then the held events."""
        if self._session.subscribed(self, job):
            self._jump_to(job)
            self.release()

    def catch_up(self, logged: list[EventFrame], job: Job) -> ResetReason | None:
        """Delivers what was missed in a gap.

        `logged` are the events that the log still has, oldest first; `job` is the job as it is now.
        If the log has a hole, the client gets a reset with the job instead; returns why.
        """
        reason: ResetReason | None = None
        # A record with an older version means that the store has lost writes.
        went_back = self.version is not None and self.version > job.version
        for event in logged:
            if self.version is not None and event.version == self.version + 1:
                self._deliver(event)
        if went_back or self.version is None or self.version < job.version:
            reason = "epoch" if went_back else "retention"
            self._session.reset(self, job, reason)
            self._jump_to(job)
        self.release()
        return reason

    def not_found(self) -> None:
        self._session.job_is_gone(self)

    def _deliver(self, event: EventFrame) -> None:
        self.version = event.version
        self._is_terminal = self._is_terminal or event.is_terminal
        self._session.send_event(self, event.encode(self.id))

    def _jump_to(self, job: Job) -> None:
        self.version = job.version
        self.batch_id = job.document.get("batch_id")
        self._is_terminal = job.is_terminal
