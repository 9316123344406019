from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.strict_json import MAX_DEPTH, MAX_VALUES, canonical_json, read_json
from jobs.core.errors.request import MalformedBody

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_reads_every_json_value(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value


@given(JSON_VALUES)
def test_the_canonical_spelling_reads_as_the_same_value(value: object) -> None:
    assert read_json(canonical_json(value)) == value


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_canonical_spelling_does_not_depend_on_the_order_of_names(members: dict[str, int]) -> None:
    assert canonical_json(members) == canonical_json(dict(reversed(members.items())))


@given(st.binary(max_size=40))
def test_bytes_are_read_or_refused_and_nothing_else(body: bytes) -> None:
    with contextlib.suppress(MalformedBody):
        json.dumps(read_json(body), allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a":1} x', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":1e999}', "too large"),
        (b'{"a":' + b"9" * 5000 + b"}", "too large"),
        (b'{"a":1,"a":2}', "'a' twice"),
        (b'{"x":[{"b":1,"b":1}]}', "'b' twice"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"\\uDC00":1}', "surrogate"),
        (b'{"a":"' + b"\\ud83d" * 3 + b'"}', "surrogate"),
    ],
)
def test_json_that_readers_interpret_differently_is_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(MalformedBody, match=complaint):
        read_json(body)


def test_whole_surrogate_pairs_are_read() -> None:
    assert read_json(b'"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1_000, 200_000])
def test_deep_nesting_is_refused(opening: str, closing: str, depth: int) -> None:
    with pytest.raises(MalformedBody, match="nested too deeply"):
        read_json((opening * depth + "1" + closing * depth).encode())


def test_nesting_up_to_the_limit_is_read() -> None:
    read_json(("[" * MAX_DEPTH + "]" * MAX_DEPTH).encode())


def test_many_braces_that_are_not_deep_are_read() -> None:
    read_json(json.dumps({"html": "{[" * 500, "rows": [[]] * 500}).encode())


@pytest.mark.parametrize("value", [b"[],", b"1,", b"{},", b"[[[[]]]],"])
def test_a_text_with_very_many_values_is_refused(value: bytes) -> None:
    with pytest.raises(MalformedBody, match="values"):
        read_json(b"[" + value * MAX_VALUES + b"1]")


def test_commas_and_brackets_in_strings_are_no_values() -> None:
    text = r"a,b[c{d\",[" * (MAX_VALUES // 2)
    assert read_json(json.dumps([text, text]).encode()) == [text, text]


def test_a_string_that_does_not_end_is_searched_once() -> None:
    with pytest.raises(MalformedBody):
        read_json(b'"' + b'\\",' * (2 * MAX_VALUES))
