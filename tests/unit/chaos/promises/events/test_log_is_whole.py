from __future__ import annotations

import dataclasses

from tests.chaos.observations import LogRead
from tests.chaos.promises.events.log_is_whole import broken
from tests.unit.chaos.promises.story import EPOCH, EVENTS, good


def test_a_hole_is_found() -> None:
    story = good().only(*EVENTS[:4], *EVENTS[5:])
    assert "the log of acme misses 5" in story.said_by(broken)
    assert "the log of acme misses 5" in story.said_by(broken, final=False)


def test_events_that_a_full_store_removed_are_no_hole() -> None:
    story = good().only(*EVENTS[4:])
    assert story.said_by(broken) == []


def test_a_new_epoch_is_found() -> None:
    assert any("epochs" in each for each in good().change_event(12, epoch="e2").said_by(broken))


def test_an_event_that_changes_is_found() -> None:
    other = (dataclasses.replace(EVENTS[0], digest="other"),)
    story = good().add(LogRead, after=None, events=other, next_cursor=f"{EPOCH}.1")
    assert story.said_by(broken) == ["event 1 of acme was another one at another look"]


def test_an_event_that_comes_twice_is_found() -> None:
    again = dataclasses.replace(EVENTS[0], sequence=13)
    assert "the log of acme has 1 events twice" in good().only(*EVENTS, again).said_by(broken)


def test_a_page_that_skips_events_or_ends_elsewhere_is_found() -> None:
    page = {"events": tuple(EVENTS[5:6]), "next_cursor": f"{EPOCH}.6"}
    assert good().add(LogRead, after=f"{EPOCH}.5", **page).said_by(broken) == []
    assert good().add(LogRead, after=f"{EPOCH}.4", **page).said_by(broken)
    assert good().change(LogRead, {"next_cursor": f"{EPOCH}.13"}).said_by(broken)


def test_a_cursor_that_is_refused_without_reason_is_found() -> None:
    refused = {"after": f"{EPOCH}.3", "status": 410, "code": "cursor_expired"}
    assert good().add(LogRead, **refused).said_by(broken)
    assert good().only(*EVENTS[4:]).add(LogRead, **refused).said_by(broken) == []
