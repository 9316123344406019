"""Fixtures for what fetches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testsupport.hostile_web import HostileWeb, hostile_web


@pytest.fixture(scope="module")
def web() -> Iterator[HostileWeb]:
    """A web server that answers as a hostile or broken one may."""
    with hostile_web() as web:
        yield web
