from __future__ import annotations

import pytest

from api.http.headers import etags


def test_weak_and_strong_tags() -> None:
    assert etags.weak(3) == 'W/"3"'
    assert etags.strong("abc") == '"abc"'


@pytest.mark.parametrize("header", ['"3"', 'W/"3"', '"1", W/"3"', '"1","3"', "*", " * "])
def test_matches_a_list_that_contains_the_tag_weak_or_strong(header: str) -> None:
    assert etags.matches(header, 'W/"3"')
    assert etags.matches(header, '"3"')


@pytest.mark.parametrize("header", [None, "", '"33"', '"4", "5"', "3", '"3', "W/3"])
def test_matches_nothing_else(header: str | None) -> None:
    assert not etags.matches(header, 'W/"3"')
