"""A subscription to one job: the snapshot, then every later version, once and in order.

The hub registers a subscription before it reads the snapshot, and the subscription holds events
that arrive in between, so it misses none. The version tells which of them the snapshot contains.
"""

from __future__ import annotations

from typing import Protocol

from jobs.core.job import Job
from notifier.protocol.channel_subscription import ResetReason
from notifier.protocol.frames import EventFrame, ProgressFrame


class JobListener(Protocol):
    """Receives what a job subscription has for its client: the session."""

    def subscribed(self, subscription: JobSubscription, job: Job) -> bool:
        """Sends the snapshot; returns False if the client may not see the job."""

    def send_event(self, subscription: JobSubscription, frame: bytes) -> None: ...

    def send_progress(self, subscription: JobSubscription, frame: bytes) -> None: ...

    def reset(self, subscription: JobSubscription, job: Job, reason: ResetReason) -> None:
        """Says that events are missing, and sends the snapshot to go on from."""

    def job_is_gone(self, subscription: JobSubscription) -> None:
        """Says that the job does not exist, or no longer, and ends the subscription."""


class JobSubscription:
    """One client's subscription to one job.

    `version` is the newest that the client knows, and None before the snapshot. `batch_id` is set
    with the snapshot.
    """

    __slots__ = (
        "_claim",
        "_held",
        "_is_terminal",
        "_listener",
        "batch_id",
        "id",
        "job_id",
        "reply_to",
        "tenant",
        "version",
    )

    def __init__(
        self, id: str, reply_to: int | str | None, tenant: str, job_id: str, listener: JobListener
    ) -> None:
        self.id = id
        self.reply_to = reply_to
        self.tenant = tenant
        self.job_id = job_id
        self.version: int | None = None
        self.batch_id: str | None = None
        self._listener = listener
        self._held: list[EventFrame] | None = []
        self._is_terminal = False
        self._claim = 0

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
            self._listener.send_progress(self, progress.encode(self.id))

    def snapshot(self, job: Job) -> None:
        """Sends the job, read after the subscription was registered, then the held events."""
        if self._listener.subscribed(self, job):
            self._jump_to(job)
            self.release()

    def catch_up(self, logged: list[EventFrame], job: Job) -> None:
        """Delivers what was missed in a gap.

        `logged` are the events that the log still has, oldest first; `job` is the job as it is now.
        If the log has a hole, the client gets a reset with the job instead.
        """
        # A record with an older version means that the store has lost writes.
        went_back = self.version is not None and self.version > job.version
        for event in logged:
            if self.version is not None and event.version == self.version + 1:
                self._deliver(event)
        if went_back or self.version is None or self.version < job.version:
            self._listener.reset(self, job, "epoch" if went_back else "retention")
            self._jump_to(job)
        self.release()

    def not_found(self) -> None:
        """Says that the tenant has no such job."""
        self._listener.job_is_gone(self)

    def _deliver(self, event: EventFrame) -> None:
        self.version = event.version
        self._is_terminal = self._is_terminal or event.is_terminal
        self._listener.send_event(self, event.encode(self.id))

    def _jump_to(self, job: Job) -> None:
        self.version = job.version
        self.batch_id = job.document.get("batch_id")
        self._is_terminal = job.is_terminal
