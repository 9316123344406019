from __future__ import annotations

import pytest

from api.http.headers.prefer import preferred_wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=10", 10),
        ("Wait = 10", 10),
        ('wait="10"', 10),
        ("respond-async, wait=3", 3),
        ("wait=3; x=1, return=minimal", 3),
        ("wait=0", 0),
        ("wait=900", 25),
    ],
)
def test_reads_the_seconds_that_the_client_would_wait(header: str, seconds: int) -> None:
    assert preferred_wait(header) == seconds


@pytest.mark.parametrize(
    "header", [None, "", "wait", "wait=", "wait=soon", "wait=-1", "wait=1.5", "await=3", "respond-async"]
)
def test_other_preferences_are_ignored(header: str | None) -> None:
    assert preferred_wait(header) is None
