import os

import pytest

from jobs.process.readiness import READY_FD, say_ready


def test_says_it_once_to_the_pipe_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    monkeypatch.setenv(READY_FD, str(write_end))
    say_ready()
    say_ready()
    assert os.read(read_end, 100) == b"\n"
    assert os.read(read_end, 100) == b""  # closed
    os.close(read_end)


@pytest.mark.parametrize("number", ["", "none", "999999"])
def test_does_nothing_without_a_pipe(monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setenv(READY_FD, number)
    say_ready()
    assert READY_FD not in os.environ
