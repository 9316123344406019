import calendar
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.times import parse_time

UTC = datetime.UTC
MONTHS = st.tuples(st.integers(1, 9998), st.integers(1, 12))
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: datetime.timedelta(minutes=minutes))
FRACTIONS = st.from_regex(r"(\.[0-9]{1,9})?", fullmatch=True)


def in_zone(moment: datetime.datetime, offset: datetime.timedelta) -> datetime.datetime:
    try:
        return moment.astimezone(datetime.timezone(offset))
    except OverflowError:  # at the very beginning
        return moment


def with_second_60(moment: datetime.datetime, fraction: str = "") -> str:
    text = moment.isoformat(timespec="seconds")
    return f"{text[:17]}60{fraction}{text[19:]}"


@given(MONTHS, OFFSETS, FRACTIONS)
def test_a_leap_second_at_the_end_of_a_month_is_the_start_of_the_next_one(
    month: tuple[int, int], offset: datetime.timedelta, fraction: str
) -> None:
    last = datetime.datetime(*month, calendar.monthrange(*month)[1], 23, 59, 59, tzinfo=UTC)
    text = with_second_60(in_zone(last, offset), fraction)
    assert parse_time(text) == last + datetime.timedelta(seconds=1)


@given(st.datetimes(timezones=st.just(UTC)), OFFSETS)
def test_the_second_60_at_any_other_time_is_refused(
    moment: datetime.datetime, offset: datetime.timedelta
) -> None:
    ends_a_month = moment.day == calendar.monthrange(moment.year, moment.month)[1]
    if ends_a_month and (moment.hour, moment.minute) == (23, 59):
        moment = moment.replace(minute=58)
    with pytest.raises(ValueError, match=r"is not at the end of a month|is too late"):
        parse_time(with_second_60(in_zone(moment, offset)))


@given(st.datetimes(timezones=st.just(UTC)), OFFSETS)
def test_other_times_are_read_as_python_reads_them(
    moment: datetime.datetime, offset: datetime.timedelta
) -> None:
    text = in_zone(moment, offset).isoformat()
    assert parse_time(text) == datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "text",
    [
        "2016-12-31T23:59:61Z",
        "2016-12-31T23:60:60Z",
        "2016-12-30T23:59:60Z",
        "2016-12-31T23:59:60-08:00",
        "9999-12-31T23:59:60Z",
        "23:59:60",
    ],
)
def test_what_is_no_leap_second_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


def test_a_leap_second_without_an_offset_stays_without_one() -> None:
    assert parse_time("2016-12-31 23:59:60") == datetime.datetime(2017, 1, 1)
