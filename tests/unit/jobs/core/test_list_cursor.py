from __future__ import annotations

import pytest

from jobs.core.errors.request import InvalidInput
from jobs.core.ids import is_job_id, new_job_id
from jobs.core.list_cursor import list_cursor, parse_list_cursor


def test_a_cursor_is_read_as_it_was_made() -> None:
    place = b"1767225600000", new_job_id().encode()
    assert parse_list_cursor(list_cursor(*place), is_job_id) == place


def test_without_a_cursor_time_and_id_are_empty() -> None:
    assert parse_list_cursor(None, is_job_id) == (b"", b"")


@pytest.mark.parametrize("created", ["", "-1", "1.5", "x", "٣", "²", "1" * 16])
def test_a_time_that_is_no_number_of_milliseconds_is_refused(created: str) -> None:
    with pytest.raises(InvalidInput):
        parse_list_cursor(f"{created}-{new_job_id()}", is_job_id)


@pytest.mark.parametrize("cursor", ["", "-", "1767225600000", "1767225600000-", "1767225600000-job"])
def test_a_cursor_without_an_id_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        parse_list_cursor(cursor, is_job_id)
