"""Every reader sees the events of the log, each once and in order, over all its connections.

A reader of one job sees every version of it from the snapshot on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.observations import Progressed, Received, Subscribed, WasReset
from tests.chaos.promises.history import History, job_of

_EMPTY = "0"
"""The epoch in cursors of a log that has no event yet."""


@dataclass
class _Channel:
    """Where a reader of all jobs of a tenant is."""

    tenant: str
    epoch: str = ""
    sequence: int | None = None

    def move(self, cursor: str | None) -> None:
        if cursor:
            self.epoch, _, sequence = cursor.partition(".")
            self.sequence = int(sequence)


@dataclass
class _Progress:
    """The progress that a reader was shown on its present connection, by job."""

    percent: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def broken(history: History) -> Iterator[str]:
    channels: dict[str, _Channel] = {}
    versions: dict[str, int] = {}
    progress: dict[str, _Progress] = defaultdict(_Progress)
    for each in history.all:
        match each:
            case Subscribed(job_id=None):
                channel = channels.setdefault(each.reader, _Channel(each.tenant))
                yield from _resumed(channel, each)
                progress[each.reader] = _Progress()
            case Subscribed():
                yield from _followed(history, versions, each)
                progress[each.reader] = _Progress()
            case Received() if each.reader in channels:
                yield from _channel_event(history, channels[each.reader], each)
            case Received():
                yield from _job_event(history, versions, each)
            case WasReset():
                yield from _reset(history, channels.get(each.reader), each)
                if each.version is not None:
                    versions[each.reader] = each.version
            case Progressed():
                yield from _progressed(history, progress[each.reader], each)
    if history.final:
        yield from _left_behind(history, channels)


def _reset(history: History, channel: _Channel | None, each: WasReset) -> Iterator[str]:
    """Only events that the log has removed are a reason."""
    told = f"{each.reader} was told that events are gone ({each.reason})"
    if each.reason != "retention":
        yield f"{told}, and the store lost none"
    elif channel is not None:
        if history.final and (channel.sequence or 0) + 1 >= history.first_kept(channel.tenant):
            yield f"{told}, and was at {channel.sequence}"
    elif history.final and history.first_kept(each.reader.split("/")[0]) == 1:
        yield f"{told}, and the log is whole"
    if channel is not None:
        channel.move(each.cursor)


def _resumed(channel: _Channel, each: Subscribed) -> Iterator[str]:
    if channel.sequence is None:
        channel.move(each.after or each.cursor)
    elif each.after is None:
        channel.move(each.cursor)
    elif each.after != f"{channel.epoch}.{channel.sequence}":
        yield f"{each.reader} was moved to {each.after}, and had seen the events up to {channel.sequence}"
        channel.move(each.after)


def _channel_event(history: History, channel: _Channel, each: Received) -> Iterator[str]:
    before, channel.sequence = channel.sequence, each.sequence
    if channel.epoch == _EMPTY:
        channel.epoch = each.epoch
    if before is None:
        yield f"{each.reader} got event {each.sequence} before it had subscribed"
    elif each.epoch == channel.epoch and each.sequence <= before:
        yield f"{each.reader} got event {each.sequence} again, after {before}"
        channel.sequence = before
    elif each.epoch != channel.epoch or each.sequence > before + 1:
        yield f"{each.reader} got event {each.epoch}.{each.sequence} after {channel.epoch}.{before}"
        channel.epoch = each.epoch
    event = history.log.get(channel.tenant, {}).get((each.epoch, each.sequence))
    if event is not None and event.digest != each.digest:
        yield f"{each.reader} got event {each.sequence} with another content than the log has"


def _followed(history: History, versions: dict[str, int], each: Subscribed) -> Iterator[str]:
    job = each.snapshot
    if job is None:
        return
    if job.version < versions.get(each.reader, 0):
        yield f"{each.reader} got a snapshot of version {job.version} after {versions[each.reader]}"
    versions[each.reader] = job.version
    event = history.event_of(job.id, job.version)
    if event is not None and event.job != job:
        yield f"{each.reader} got a snapshot of version {job.version} that differs from its event"


def _job_event(history: History, versions: dict[str, int], each: Received) -> Iterator[str]:
    known = versions.get(each.reader, 0)
    if each.version is not None and each.version != known + 1:
        yield f"{each.reader} got version {each.version} after {known}"
    versions[each.reader] = each.version or known
    event = history.event_of(job_of(each.id), each.version or 0)
    if event is not None and event.digest != each.digest:
        yield f"{each.reader} got version {each.version} with another content than the log has"


def _progressed(history: History, shown: _Progress, each: Progressed) -> Iterator[str]:
    """Within one attempt, progress only grows."""
    if not 0 <= each.percent <= 100:
        yield f"{each.reader} was told that {each.job_id} is at {each.percent} %"
    starts = [event for event in history.job_events.get(each.job_id, ()) if event.type == "job.started"]
    if each.job_id in history.ends and len(starts) == 1 and each.percent < shown.percent[each.job_id]:
        yield f"{each.reader} saw {each.job_id} go back from {shown.percent[each.job_id]} to {each.percent} %"
    shown.percent[each.job_id] = each.percent


def _left_behind(history: History, channels: dict[str, _Channel]) -> Iterator[str]:
    for reader, channel in channels.items():
        if "/visitor-" in reader:
            continue  # it does not stay until the end
        last = max(history.log.get(channel.tenant, {}), default=None)
        if last is not None and (channel.epoch, channel.sequence) != last:
            yield f"{reader} saw events up to {channel.epoch}.{channel.sequence} of {last[0]}.{last[1]}"
