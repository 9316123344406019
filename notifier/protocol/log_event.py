"""An event of a tenant's log with its cursor, encoded once for many subscriptions."""

from __future__ import annotations

import json
from functools import cached_property

from jobs.core.events import Cursor
from notifier.protocol.filters import EVERYTHING, Filter, Subject

_MAX_KEPT_FRAMES = 4
"""Nearly all subscriptions have one of a few ids (`s1`, `s2`); other frames are not kept."""


class LogEvent:
    """An event whose frames contain `body`, the stored bytes, as they are."""

    def __init__(self, cursor: Cursor, type: str, body: bytes, subject: Subject | None = None) -> None:
        self.cursor = cursor
        self.type = type
        self.body = body
        self._frames: dict[str, bytes] = {}
        if subject is not None:
            self.__dict__["subject"] = subject

    @classmethod
    def from_body(cls, epoch: str, body: bytes) -> LogEvent:
        event = json.loads(body)
        return cls(Cursor(epoch, event["sequence"]), event["type"], body, Subject.of(event["data"]))

    @cached_property
    def subject(self) -> Subject:
        return Subject.of(json.loads(self.body)["data"])

    def passes(self, filter: Filter) -> bool:
        if filter is EVERYTHING:
            return True
        return filter.admits_type(self.type) and filter.admits_subject(self.subject)

    def encode(self, subscription: str) -> bytes:
        frame = self._frames.get(subscription)
        if frame is None:
            frame = b'{"type":"event","subscription":"%b","cursor":"%b","event":%b}' % (
                subscription.encode(),
                str(self.cursor).encode(),
                self.body,
            )
            if len(self._frames) < _MAX_KEPT_FRAMES:
                self._frames[subscription] = frame
        return frame
