from __future__ import annotations

from typing import Any

from tests.chaos.observations import JobRead, Left, LogRead, Moment, Received
from tests.chaos.promises.events.readers_hear_soon import broken
from tests.unit.chaos.promises.story import EPOCH, EVENTS, GOOD, Story, good, job

ALL, ONE_JOB = "acme/websocket-1", f"acme/{GOOD}/1"


def silent(reader: str, **lost: Any) -> Story:
    """A run with faults until its end, in which an event does not reach a reader."""
    name, value = next(iter(lost.items()))
    story = good().change(Moment, {"at": 99.0}, lambda each: each.name == "faults_end")
    return story.drop(Received, lambda each: each.reader == reader and getattr(each, name) == value)


def test_a_reader_of_all_jobs_that_is_not_told_is_found() -> None:
    page = {"after": f"{EPOCH}.11", "events": tuple(EVENTS[11:]), "next_cursor": f"{EPOCH}.12"}
    story = silent(ALL, sequence=12).add(LogRead, 40, **page)
    assert story.add(Left, 84, reader=ALL).said_by(broken, final=False) == []
    story = silent(ALL, sequence=12).add(LogRead, 40, **page)
    said = story.add(Left, 86, reader=ALL).said_by(broken, final=False)
    assert said == [f"{ALL} was at 11, and 12 was 45 s old"]


def test_a_reader_of_one_job_that_is_not_told_is_found() -> None:
    seen = {"how": "get", "job_id": GOOD, "job": job(GOOD, "succeeded", 3)}
    story = silent(ONE_JOB, version=3).add(JobRead, 40, **seen).add(Left, 86, reader=ONE_JOB)
    assert story.said_by(broken, final=False) == [f"{ONE_JOB} was at 2, and 3 was 45 s old"]
    heard = good().add(JobRead, 40, **seen).add(Left, 86, reader=ONE_JOB)
    assert heard.said_by(broken) == []


def test_without_faults_a_reader_hears_within_seconds() -> None:
    story = silent(ONE_JOB, version=3).change(Moment, {"at": 40.0}, lambda each: each.name == "faults_end")
    story.drop(JobRead).add(JobRead, 50, how="get", job_id=GOOD, job=job(GOOD, "succeeded", 3))
    assert story.add(Left, 56, reader=ONE_JOB).said_by(broken, final=False)
