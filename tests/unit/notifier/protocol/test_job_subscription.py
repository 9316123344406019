from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.job import Job
from notifier.protocol.frames import EventFrame, ProgressFrame
from notifier.protocol.job_subscription import JobSubscription
from testsupport.sample_events import make_event, make_job, make_progress

JOB = make_job()


class Told:
    """A listener that keeps the versions it was sent."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []

    def subscribed(self, subscription: JobSubscription, job: Job) -> bool:
        self.log.append(("snapshot", job.version))
        return True

    def send_event(self, subscription: JobSubscription, frame: bytes) -> None:
        self.log.append(("event", json.loads(frame)["event"]["data"]["job"]["version"]))

    def send_progress(self, subscription: JobSubscription, frame: bytes) -> None:
        self.log.append(("progress", json.loads(frame)["progress"]["percent"]))

    def reset(self, subscription: JobSubscription, job: Job, reason: str) -> None:
        self.log.append(("reset", job.version))

    def job_is_gone(self, subscription: JobSubscription) -> None:
        self.log.append(("gone", 0))


def at(version: int) -> Job:
    return make_job(version, job_id=JOB.id)


def event(version: int) -> EventFrame:
    return EventFrame.of(make_event(JOB, version))


def opened() -> tuple[JobSubscription, Told]:
    told = Told()
    return JobSubscription("s1", 1, JOB.tenant, JOB.id, told), told


def established(version: int = 1) -> tuple[JobSubscription, Told]:
    subscription, told = opened()
    subscription.snapshot(at(version))
    told.log.clear()
    return subscription, told


@given(
    last=st.integers(1, 8),
    read=st.integers(0, 8),
    arrived=st.integers(0, 8),
    repeats=st.lists(st.integers(0, 7), max_size=4),
)
def test_no_version_is_missed_or_repeated_whenever_the_snapshot_is_read(
    last: int, read: int, arrived: int, repeats: list[int]
) -> None:
    """Events up to `last` occur: the snapshot has `read`, `arrived` come before it, some twice."""
    snapshot = max(1, min(read, last))
    stream = [*range(1, last + 1)]
    for repeat in repeats:
        stream.insert(min(repeat + 1, len(stream)), stream[min(repeat, len(stream) - 1)])
    # The tail reads a log: whatever the snapshot shows, later events are still to come.
    before = min(arrived, len(stream))
    subscription, told = opened()

    for version in stream[:before]:
        subscription.offer(event(version))
    subscription.snapshot(at(snapshot))
    for version in stream[before:]:
        subscription.offer(event(version))

    assert told.log == [
        ("snapshot", snapshot),
        *(("event", later) for later in range(snapshot + 1, last + 1)),
    ]


def test_after_a_gap_the_missed_versions_come_from_the_log() -> None:
    subscription, told = established()

    subscription.hold()
    subscription.offer(event(4))
    subscription.offer(event(5))
    subscription.catch_up([event(version) for version in (1, 2, 3, 4)], at(4))
    subscription.offer(event(6))

    assert told.log == [("event", version) for version in (2, 3, 4, 5, 6)]


def test_after_a_gap_without_a_new_version_nothing_is_sent() -> None:
    subscription, told = established(2)

    subscription.hold()
    subscription.catch_up([], at(2))

    assert told.log == []


@pytest.mark.parametrize(("logged", "told_events"), [([], []), ([1, 2, 4], [2]), ([3, 4], [])])
def test_a_client_gets_a_reset_with_a_snapshot_if_the_log_has_lost_events(
    logged: list[int], told_events: list[int]
) -> None:
    subscription, told = established()

    subscription.hold()
    subscription.catch_up([event(version) for version in logged], at(4))
    subscription.offer(event(4))
    subscription.offer(event(5))

    assert told.log == [*(("event", version) for version in told_events), ("reset", 4), ("event", 5)]


def test_a_record_with_an_older_version_gives_a_reset_with_epoch() -> None:
    subscription, told = established(3)

    subscription.hold()
    subscription.catch_up([], at(2))
    subscription.offer(event(3))

    assert told.log == [("reset", 2), ("event", 3)]


def test_progress_before_the_snapshot_is_dropped() -> None:
    subscription, told = opened()

    subscription.offer_progress(ProgressFrame(make_progress(JOB, 10)))
    subscription.snapshot(at(2))

    assert told.log == [("snapshot", 2)]


def test_progress_of_an_overtaken_claim_is_dropped() -> None:
    subscription, told = established(2)

    for percent, claim in ((10, 7), (60, 6), (20, 7), (5, 8)):
        subscription.offer_progress(ProgressFrame(make_progress(JOB, percent, claim)))

    assert told.log == [("progress", 10), ("progress", 20), ("progress", 5)]


def test_progress_after_the_end_is_dropped() -> None:
    subscription, told = established(2)

    subscription.offer(event(3))
    subscription.offer_progress(ProgressFrame(make_progress(JOB, 99)))

    assert told.log == [("event", 3)]


def test_a_missing_job_is_reported() -> None:
    subscription, told = opened()

    subscription.not_found()

    assert told.log == [("gone", 0)]
