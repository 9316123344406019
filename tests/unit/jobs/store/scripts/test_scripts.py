"""Scripts are assembled from files, and Python and Lua use the same argument names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import jobs.store.scripts
from jobs.store import keys
from jobs.store.scripts import Script, assemble

FOLDER = Path(jobs.store.scripts.__file__).parent
CONSTANTS: dict[str, str | int] = dict.fromkeys(
    (
        "BASE_URL",
        "WS_URL",
        "MAX_WEBHOOK_ENDPOINTS",
        "WEBHOOK_ORIGIN_RATE",
        "LOG_EVENTS",
        "LOG_TTL_MS",
        "BUS_EVENTS",
        "EVENTS_BYTES",
        "EVENTS_PERCENT",
        "MAX_QUEUED",
        "MAX_TENANT_BYTES",
        "RESULT_TTL_MS",
        "RECORD_TTL_MS",
    ),
    1,
)
NAMES = sorted(path.stem for path in FOLDER.glob("*/[!_]*.lua"))


def example(*args: str, row: tuple[str, ...] = ()) -> Script:
    return Script(name="example", text="", digest="", args=args, row=row)


def test_named_values_are_sent_in_the_order_that_the_script_declares() -> None:
    assert example("tenant", "id").positions([], {"id": 7, "tenant": "acme"}) == ["acme", 7]


def test_an_absent_value_is_the_empty_string() -> None:
    assert example("tenant", "cursor").positions([], {"tenant": "acme", "cursor": None}) == ["acme", ""]


def test_rows_follow_the_arguments() -> None:
    rows = [{"claim": 1, "id": "a"}, {"claim": 2, "id": "b"}]
    assert example("lease_ms", row=("id", "claim")).positions(rows, {"lease_ms": 5}) == [5, "a", 1, "b", 2]


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(TypeError, match="script example needs 'id'"):
        example("tenant", "id").positions([], {"tenant": "acme"})


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(TypeError, match=r"script example takes no \['claim'\]"):
        example("tenant").positions([], {"tenant": "acme", "claim": 1})


@pytest.mark.parametrize("name", NAMES)
def test_every_constant_that_a_script_uses_is_defined(name: str) -> None:
    text = assemble(name, keys.LUA_NAMES | CONSTANTS).text
    used = set(re.findall(r"\bK_[A-Z_]+\b", text))
    defined = set(re.findall(r"^local (K_[A-Z_]+) =", text, re.MULTILINE))
    assert used == defined


@pytest.mark.parametrize("name", NAMES)
def test_no_argument_hides_a_function_of_an_included_part(name: str) -> None:
    script = assemble(name, keys.LUA_NAMES | CONSTANTS)
    assert not set(script.args) & set(re.findall(r"^local function (\w+)", script.text, re.MULTILINE))


def test_a_part_brings_the_parts_that_it_includes_once_and_before_itself() -> None:
    text = assemble("finish", keys.LUA_NAMES | CONSTANTS).text
    assert text.count("local function trim_events(") == 1
    assert text.index("local function trim_events(") < text.index("local function record_event(")
