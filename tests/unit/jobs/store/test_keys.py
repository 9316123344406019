"""Every key is documented once, and the documentation shows that table."""

from __future__ import annotations

from pathlib import Path

from jobs.store import keys

TABLE = [line for line in (keys.__doc__ or "").splitlines() if line.startswith("|")]


def test_every_key_is_in_the_table() -> None:
    documented = "\n".join(line.split("|")[1] for line in TABLE)
    prefixes = [
        value for value in keys.LUA_NAMES.values() if isinstance(value, str) and value.startswith("pr:")
    ]
    assert prefixes
    missing = [prefix for prefix in prefixes if prefix.rstrip(":") not in documented]
    assert not missing, f"say in jobs/store/keys.py who writes and reads {missing}, and how long they live"


def test_the_architecture_page_shows_the_same_table() -> None:
    page = (Path(__file__).parents[4] / "docs" / "architecture.md").read_text()
    assert "\n".join(TABLE) in page, "copy the table of jobs/store/keys.py to docs/architecture.md"
