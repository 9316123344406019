from __future__ import annotations

import dataclasses

from tests.chaos.observations import Listed, LogRead, Probed, Subscribed
from tests.chaos.promises.requests.tenants_are_apart import broken
from tests.unit.chaos.promises.story import EVENTS, GOOD, good


def test_an_answer_about_the_job_of_another_tenant_is_found() -> None:
    assert good().change(Probed, {"status": 200}).said_by(broken, final=False)
    assert good().change(Probed, {"status": 409}).said_by(broken, final=False)
    assert good().change(Probed, {"status": 503}).said_by(broken) == []


def test_an_event_in_the_log_of_another_tenant_is_found() -> None:
    assert good().add(LogRead, tenant="zeta", after=None, events=(EVENTS[0],)).said_by(broken, final=False)
    unnamed = dataclasses.replace(EVENTS[0], job=dataclasses.replace(EVENTS[0].job, nonce=None))
    assert good().add(LogRead, tenant="zeta", after=None, events=(unnamed,)).said_by(broken, final=False)


def test_a_job_in_the_list_of_another_tenant_is_found() -> None:
    story = good().change(Listed, {"tenant": "zeta", "jobs": ((GOOD, "succeeded", 3),)})
    assert story.said_by(broken, final=False) == [f"a list of zeta has {GOOD} of acme"]


def test_an_event_at_the_reader_of_another_tenant_is_found() -> None:
    assert good().change(Subscribed, {"tenant": "zeta"}).said_by(broken, final=False)
