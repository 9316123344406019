from __future__ import annotations

import pytest

from jobs.core.secret_box import CannotOpen, SecretBox

FIRST, SECOND = "a" * 32, "b" * 32
DOCUMENT = {"password": "hunter2"}


def box(*keys: str, purpose: str = "tests v1") -> SecretBox:
    return SecretBox(keys, purpose)


def test_what_was_sealed_can_be_opened_and_shows_nothing() -> None:
    sealed = box(FIRST).seal(DOCUMENT, "acme")
    assert box(FIRST).open(sealed, "acme") == box(FIRST).open(sealed.encode(), "acme") == DOCUMENT
    assert "hunter2" not in sealed
    assert box(FIRST).seal(DOCUMENT, "acme") != sealed


def test_the_first_key_seals_and_every_key_opens() -> None:
    old = box(FIRST).seal(DOCUMENT, "acme")
    both = box(SECOND, FIRST)
    assert both.open(old, "acme") == DOCUMENT
    assert box(SECOND).open(both.seal(DOCUMENT, "acme"), "acme") == DOCUMENT


def test_nobody_else_can_open_it_nor_what_was_changed() -> None:
    sealed = box(FIRST).seal(DOCUMENT, "acme")
    for opening, owner, text in (
        (box(SECOND), "acme", sealed),
        (box(FIRST, purpose="tests v2"), "acme", sealed),
        (box(FIRST), "other", sealed),
        (box(FIRST), "acme", sealed[:-8] + "AAAAAAA="),
        (box(FIRST), "acme", ""),
        (box(FIRST), "acme", "!"),
        (box(FIRST), "acme", "ü"),
    ):
        with pytest.raises(CannotOpen):
            opening.open(text, owner)
