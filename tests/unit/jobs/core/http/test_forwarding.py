from __future__ import annotations

import pytest

from jobs.core.http.forwarding import is_forwarding_header


@pytest.mark.parametrize(
    "name",
    [
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "x-forwarded-for",
        "x-forwarded-proto",
    ],
)
def test_headers_of_proxies_are_recognised(name: str) -> None:
    assert is_forwarding_header(name)


@pytest.mark.parametrize("name", ["host", "origin", "x-forwarded", "x-request-id"])
def test_other_headers_are_not(name: str) -> None:
    assert not is_forwarding_header(name)
