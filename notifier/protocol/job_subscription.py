"""A subscription to one job: the snapshot, then every later version, once and in order. Pure.

The hub registers it first and reads the snapshot afterwards; events that arrive in between are held, so there is no
moment at which one could slip through, and the version tells which of them the snapshot contains already.
"""

from __future__ import annotations

from typing import Protocol

from jobs.core.job import Job
from notifier.protocol.channel_subscription import ResetReason
from notifier.protocol.frames import EventFrame, ProgressFrame


class Subscriber(Protocol):
    """Who subscribed: the session, as far as a subscription knows it."""

    def subscribed(self, subscription: JobSubscription, job: Job) -> bool:
        """Answers with the snapshot, or refuses (False)."""

    def send_event(self, subscription: JobSubscription, frame: bytes) -> None: ...

    def send_progress(self, subscription: JobSubscription, frame: bytes) -> None: ...

    def reset(self, subscription: JobSubscription, job: Job, reason: ResetReason) -> None:
        """Says that events are missing, with the snapshot to go on from."""

    def job_is_gone(self, subscription: JobSubscription) -> None:
        """Says that there is no such job (any more) and forgets the subscription."""


class JobSubscription:
    """One client's interest in one job.

    `version` is the newest that the client knows; None before the snapshot. `batch_id` is known from then on, too.
    """

    __slots__ = (
        "_claim",
        "_held",
        "_subscriber",
        "_terminal",
        "batch_id",
        "id",
        "job_id",
        "reply_to",
        "tenant",
        "version",
    )

    def __init__(
        self, id: str, reply_to: int | str | None, tenant: str, job_id: str, subscriber: Subscriber
    ) -> None:
        self.id = id
        self.reply_to = reply_to
        self.tenant = tenant
        self.job_id = job_id
        self.version: int | None = None
        self.batch_id: str | None = None
        self._subscriber = subscriber
        self._held: list[EventFrame] | None = []
        self._terminal = False
        self._claim = 0

    def hold(self) -> None:
        """Keeps events back until `snapshot`, `catch_up` or `release`: the hub has something to look up first."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Delivers what was held, except what the client knows already."""
        held, self._held = self._held or (), None
        for event in held:
            self.offer(event)

    def offer(self, event: EventFrame) -> None:
        """A live event of the job."""
        if self._held is not None:
            self._held.append(event)
        elif self.version is not None and event.version > self.version:
            self._deliver(event)

    def offer_progress(self, progress: ProgressFrame) -> None:
        """Live progress: dropped where a newer claim or state has overtaken it."""
        if self._held is None and not self._terminal and progress.claim >= self._claim:
            self._claim = progress.claim
            self._subscriber.send_progress(self, progress.encode(self.id))

    def snapshot(self, job: Job) -> None:
        """The first answer: the job as it was read after the subscription was registered."""
        if self._subscriber.subscribed(self, job):
            self._jump_to(job)
            self.release()

    def catch_up(self, logged: list[EventFrame], job: Job) -> None:
        """After a gap: what the log has kept, oldest first, and the job as it is; jumps where the log has holes."""
        # A record that went back belongs to a store that has lost writes.
        went_back = self.version is not None and self.version > job.version
        for event in logged:
            if self.version is not None and event.version == self.version + 1:
                self._deliver(event)
        if went_back or self.version is None or self.version < job.version:
            self._subscriber.reset(self, job, "epoch" if went_back else "retention")
            self._jump_to(job)
        self.release()

    def not_found(self) -> None:
        """There is no such job, or none of this tenant."""
        self._subscriber.job_is_gone(self)

    def _deliver(self, event: EventFrame) -> None:
        self.version = event.version
        self._terminal = self._terminal or event.is_terminal
        self._subscriber.send_event(self, event.encode(self.id))

    def _jump_to(self, job: Job) -> None:
        self.version = job.version
        self.batch_id = job.document.get("batch_id")
        self._terminal = job.is_terminal
