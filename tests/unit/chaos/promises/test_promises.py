"""All promises together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.observations import Moment, from_line, to_line
from tests.chaos.promises import PROMISES, Promise, check
from tests.unit.chaos.promises.story import good


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__module__)
@pytest.mark.parametrize("final", [True, False])
def test_a_good_run_breaks_no_promise(promise: Promise, final: bool) -> None:
    assert good().said_by(promise, final=final) == []


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__module__)
def test_no_promise_is_broken_yet_at_any_moment_of_a_good_run(promise: Promise) -> None:
    story = good()
    while story.observations:
        assert story.said_by(promise, final=False) == []
        story.observations.pop()


def test_a_log_on_disk_says_the_same(tmp_path: Path) -> None:
    log = tmp_path / "seen.jsonl"
    story = good()
    log.write_text("".join(to_line(each) + "\n" for each in story.observations) + '{"is": "Mom')
    assert [from_line(to_line(each)) for each in story.observations] == story.observations
    assert check(log) == []
    story.drop(Moment, lambda each: each.name == "end")
    log.write_text("".join(to_line(each) + "\n" for each in story.observations))
    assert [each.promise for each in check(log)] == ["run"]
    assert check(log, final=False) == []
