from __future__ import annotations

from api.jobs.waiters import Waiters
from jobs.store.events.followers import Followers


def test_an_event_wakes_those_who_wait_for_that_job_of_that_tenant() -> None:
    waiters = Waiters(Followers())
    with waiters.registered("acme", "job_1") as mine, waiters.registered("acme", "job_2") as other:
        waiters.wake("globex", "job_1")
        assert not mine.is_set()
        waiters.wake("acme", "job_1")
        assert mine.is_set()
        assert not other.is_set()


def test_a_gap_wakes_everybody() -> None:
    waiters = Waiters(Followers())
    with waiters.registered("acme", "job_1") as one, waiters.registered("globex", "job_2") as two:
        waiters.wake_all()
        assert one.is_set()
        assert two.is_set()


def test_nothing_is_left_behind() -> None:
    waiters = Waiters(Followers())
    with waiters.registered("acme", "job_1"), waiters.registered("acme", "job_1"):
        assert len(waiters) == 2
    waiters.wake("acme", "job_1")
    waiters.wake("acme", "job_3")
    assert len(waiters) == 0
    assert not waiters._waiting


def test_after_closing_nobody_waits() -> None:
    waiters = Waiters(Followers())
    with waiters.registered("acme", "job_1") as early:
        waiters.close()
        assert early.is_set()
    with waiters.registered("acme", "job_2") as late:
        assert late.is_set()
    assert waiters.closed
