from __future__ import annotations

from api.jobs.waiters import Waiters
from jobs.store.events.followers import Followers


def test_an_event_wakes_the_requests_that_wait_for_this_job_of_this_tenant() -> None:
    waiters = Waiters(Followers())
    with waiters.registered("acme", "job_1") as mine, waiters.registered("acme", "job_2") as other:
        waiters.wake("globex", "job_1")
        assert not mine.is_set()
        waiters.wake("acme", "job_1")
        assert mine.is_set()
        assert not other.is_set()


def test_missed_events_wake_all_requests() -> None:
    waiters = Waiters(Followers())
    with waiters.registered("acme", "job_1") as one, waiters.registered("globex", "job_2") as two:
        waiters.wake_all()
        assert one.is_set()
        assert two.is_set()


def test_no_entries_are_left_behind() -> None:
    waiters = Waiters(Followers())
    with waiters.registered("acme", "job_1"), waiters.registered("acme", "job_1"):
        assert len(waiters) == 2
        assert waiters.jobs == {("acme", "job_1")}
    waiters.wake("acme", "job_1")
    waiters.wake("acme", "job_3")
    assert len(waiters) == 0
    assert not waiters.jobs


def test_no_request_waits_after_closing() -> None:
    waiters = Waiters(Followers())
    with waiters.registered("acme", "job_1") as early:
        waiters.close()
        assert early.is_set()
    with waiters.registered("acme", "job_2") as late:
        assert late.is_set()
    assert waiters.closed
