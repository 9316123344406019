from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.chaos.observations import Delivered, EndpointAsked
from tests.chaos.promises.webhooks.webhooks_are_genuine import broken
from tests.unit.chaos.promises.story import BEGAN_AT, ENDPOINT, EVENTS, URL, Story, event, good, job

TAKEN: dict[str, Any] = {
    "path": ENDPOINT,
    "webhook_id": EVENTS[0].id,
    "age_seconds": 0.0,
    "signatures": 1,
    "signed_by": (0,),
    "answered": 204,
    "event": EVENTS[0],
}


def rotated(at: float, **members: Any) -> Story:
    asked = {"action": "rotate", "path": ENDPOINT, "secret": 1, "grace_seconds": 5}
    return good().add(EndpointAsked, at, **{**asked, **members})


@pytest.mark.parametrize(
    "changes",
    [
        {"signed_by": ()},
        {"signatures": 2},
        {"age_seconds": 301.0},
        {"webhook_id": "evt_other"},
        {"event": dataclasses.replace(EVENTS[0], digest="other")},
        {"path": "/endpoint/zeta/1"},
        {"path": URL},
    ],
)
def test_a_request_that_is_not_genuine_is_found(changes: dict[str, Any]) -> None:
    assert good().change(Delivered, changes).said_by(broken)


def test_a_repetition_has_the_same_body() -> None:
    assert good().add(Delivered, 30, **TAKEN).said_by(broken) == []
    other = dataclasses.replace(EVENTS[0], digest="other")
    assert (
        good().only(*EVENTS[1:]).add(Delivered, 30, **{**TAKEN, "event": other}).said_by(broken, final=False)
    )


def test_what_was_taken_without_faults_is_not_sent_again() -> None:
    story = good().add(Delivered, 95, **TAKEN)
    assert story.said_by(broken) == []
    assert story.add(Delivered, 96, **TAKEN).said_by(broken)
    assert (
        good().add(Delivered, 95, **{**TAKEN, "answered": 500}).add(Delivered, 96, **TAKEN).said_by(broken)
        == []
    )


def test_too_many_repetitions_are_found() -> None:
    story = good()
    for number in range(11):
        story.add(Delivered, 30 + number / 100, **TAKEN)
    assert story.said_by(broken) == []
    assert story.add(Delivered, 31, **TAKEN).said_by(broken)


def test_an_event_that_was_not_asked_for_is_found() -> None:
    assert good().change(EndpointAsked, {"event_types": ("job.succeeded",)}).said_by(broken, final=False)
    assert good().change(EndpointAsked, {"tags": ("red",)}).said_by(broken, final=False)


def test_an_event_from_before_the_endpoint_is_found() -> None:
    assert good().change(EndpointAsked, {"created_at": BEGAN_AT + 5}).said_by(broken, final=False)


def test_a_request_long_after_the_deletion_is_found() -> None:
    story = good().add(EndpointAsked, 1.5, action="delete", path=ENDPOINT, status=204)
    assert story.said_by(broken) == []
    story.add(Delivered, 61, **TAKEN)
    assert story.said_by(broken) == []
    assert story.add(Delivered, 62, **TAKEN).said_by(broken)


def test_the_newest_secret_signs_and_an_old_one_only_for_a_while() -> None:
    both = {**TAKEN, "signatures": 2, "signed_by": (0, 1)}
    assert rotated(2).add(Delivered, 61, **both).said_by(broken) == []
    assert rotated(2).add(Delivered, 68, **{**TAKEN, "signed_by": (1,)}).said_by(broken) == []
    assert rotated(2).add(Delivered, 63, **TAKEN).said_by(broken, final=False)
    assert rotated(2).add(Delivered, 68, **both).said_by(broken, final=False)
    assert rotated(2, status=None).add(Delivered, 68, **both).said_by(broken) == []


def test_a_webhook_url_gets_the_end_of_its_own_job_only() -> None:
    def at_url(one: Any) -> Story:
        return good().change(Delivered, {"event": one, "webhook_id": one.id}, lambda each: each.path == URL)

    assert at_url(EVENTS[1]).said_by(broken, final=False)
    assert at_url(event(3, "job.succeeded", job("job_ONE", "succeeded", 3))).said_by(broken, final=False)
