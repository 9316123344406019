from __future__ import annotations

import pytest

from api.http.headers.ranges import ByteRange, requested_range
from jobs.core.errors.request import RangeNotSatisfiable


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=10-", 10, 100),
        ("bytes=-10", 90, 100),
        ("bytes=-1000", 0, 100),
        ("bytes=50-1000", 50, 100),
        ("Bytes=1-2", 1, 3),
        ("bytes= 1-2 ", 1, 3),
    ],
)
def test_reads_a_single_range(header: str, start: int, end: int) -> None:
    assert requested_range(header, 100) == ByteRange(start, end)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=2-1",
        "bytes=a-b",
        "items=0-1",
        "bytes=0-1,5-6",
        "bytes=--1",
    ],
)
def test_malformed_headers_and_several_ranges_ask_for_the_whole_file(header: str | None) -> None:
    assert requested_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_of_the_file_is_not_satisfiable(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        requested_range(header, 100)
    assert caught.value.size == 100


def test_content_range_includes_the_last_byte() -> None:
    assert ByteRange(10, 20).content_range(100) == "bytes 10-19/100"
