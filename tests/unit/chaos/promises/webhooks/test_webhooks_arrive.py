from __future__ import annotations

from typing import Any

from tests.chaos.observations import Delivered, EndpointAsked, Pending
from tests.chaos.promises.webhooks.webhooks_arrive import broken
from tests.unit.chaos.promises.story import BEGAN_AT, ENDPOINT, EVENTS, GOOD, URL, Story, good


def without(path: str, sequence: int) -> Story:
    return good().drop(Delivered, lambda each: each.path == path and each.event.sequence == sequence)


def test_an_event_that_never_came_is_found_when_the_run_is_over() -> None:
    story = without(ENDPOINT, 5)
    assert story.said_by(broken) == [f"{ENDPOINT} never got job.started evt_ONE_2"]
    assert story.said_by(broken, final=False) == []
    assert without(ENDPOINT, 10).said_by(broken)


def test_an_event_that_was_never_taken_is_found() -> None:
    assert good().change(Delivered, {"answered": 500}).said_by(broken)


def test_a_webhook_url_that_got_nothing_is_found() -> None:
    assert without(URL, 3).said_by(broken) == [f"{URL}, the webhook_url of {GOOD}, never got evt_GOOD_3"]


def test_what_waits_for_a_late_retry_is_not_lost() -> None:
    pending: dict[str, Any] = {"tenant": "acme", "endpoint_id": "we_1", "url": None, "event_id": "evt_ONE_2"}
    assert without(ENDPOINT, 5).add(Pending, attempts=2, **pending).said_by(broken) == []
    assert without(ENDPOINT, 5).add(Pending, attempts=0, **pending).said_by(broken)
    other = {**pending, "endpoint_id": "we_2"}
    assert without(ENDPOINT, 5).add(Pending, attempts=2, **other).said_by(broken)


def test_events_before_the_endpoint_and_those_of_a_deleted_one_are_not_owed() -> None:
    story = without(ENDPOINT, 1).change(EndpointAsked, {"created_at": BEGAN_AT + 1})
    assert story.said_by(broken) == []
    story = without(ENDPOINT, 5).add(EndpointAsked, action="delete", path=ENDPOINT, status=None)
    assert story.said_by(broken) == []


def test_only_what_was_asked_for_is_owed() -> None:
    assert EVENTS[4].type == "job.started"
    assert (
        without(ENDPOINT, 5).change(EndpointAsked, {"event_types": ("job.succeeded",)}).said_by(broken) == []
    )
    assert without(ENDPOINT, 5).change(EndpointAsked, {"tags": ("red",)}).said_by(broken) == []
