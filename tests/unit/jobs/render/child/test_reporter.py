import signal
from collections.abc import Iterator

import pytest

from jobs.render.child.html.progress_log import Step
from jobs.render.child.reporter import Reporter


@pytest.fixture
def sent() -> Iterator[list[Step]]:
    before = signal.getsignal(signal.SIGALRM)
    yield []
    signal.signal(signal.SIGALRM, before)


def tick() -> None:
    """Does at once what the timer does later."""
    signal.raise_signal(signal.SIGALRM)


def test_only_the_latest_step_is_sent_when_the_timer_ticks(sent: list[Step]) -> None:
    with Reporter(sent.append).reporting() as note:
        for page in range(1, 4):
            note(Step(20 + page, "layout", page))
        assert sent == []
        tick()
        tick()
    assert sent == [Step(23, "layout", 3)]


def test_the_timer_ticks_by_itself(sent: list[Step]) -> None:
    with Reporter(sent.append).reporting() as note:
        note(Step(15, "layout", None))
        while not sent:
            signal.pause()
    assert sent == [Step(15, "layout", None)]


def test_nothing_is_sent_after_the_render(sent: list[Step]) -> None:
    reporter = Reporter(sent.append)
    with reporter.reporting() as note:
        note(Step(15, "layout", None))
    tick()
    with reporter.reporting():
        tick()
    assert sent == []
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
