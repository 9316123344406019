from __future__ import annotations

from typing import Any

import pytest

from api.access.local_only import check_local
from jobs.core.errors.request import Forbidden
from jobs.core.settings import ApiKey, Settings
from notifier.transports.access import Access

KEYS = (ApiKey("acme", "k" * 16),)


def refusal(headers: dict[str, str] | list[tuple[str, str]], **settings: Any) -> str | None:
    return Access(Settings(**settings)).refusal(headers.items() if isinstance(headers, dict) else headers)


@pytest.mark.parametrize("host", ["localhost", "localhost:8001", "127.0.0.1:8001", "[::1]:8001", "LOCALHOST"])
def test_without_api_keys_programs_on_this_machine_are_accepted(host: str) -> None:
    assert refusal({"Host": host}) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "10.0.0.1", "", "[::1", "0.0.0.0"]
)
def test_without_api_keys_a_foreign_host_is_refused(host: str) -> None:
    assert refusal({"Host": host}) is not None


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost:8001"],
)
def test_without_api_keys_pages_of_the_web_process_and_of_this_server_are_accepted(origin: str) -> None:
    assert refusal({"Host": "localhost:8001", "Origin": origin}) is None


def test_without_api_keys_allowed_pages_are_accepted() -> None:
    headers = {"Host": "localhost:8001", "Origin": "http://localhost:3000"}
    assert refusal(headers, allowed_origins=("http://localhost:3000",)) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://[",
        "http://localhost:99999999",
        "http://localhost.evil.example",
        "http://evil.example:8000",
        "http://localhost",
        "http://localhost:3000",
        "http://127.0.0.1:3000",
        "https://localhost:8000",
        "http://localhost:8000.evil.example",
    ],
)
def test_without_api_keys_other_pages_are_refused_as_over_http(origin: str) -> None:
    assert refusal({"Host": "localhost:8001", "Origin": origin}) is not None
    scope = {
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "headers": [(b"host", b"localhost:8000"), (b"origin", origin.encode())],
    }
    with pytest.raises(Forbidden):
        check_local(scope, ())


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"])
def test_without_api_keys_proxies_are_refused(header: str) -> None:
    assert refusal({"Host": "localhost", header: "1"}) is not None
    assert refusal({"Host": "jobs.example", header: "1"}, api_keys=KEYS) is None


@pytest.mark.parametrize(
    "origin", ["https://jobs.example", "http://jobs.example:8000", "https://app.example"]
)
def test_with_api_keys_pages_of_the_same_host_and_allowed_ones_are_accepted(origin: str) -> None:
    settings = {"api_keys": KEYS, "allowed_origins": ("https://app.example",)}

    assert refusal({"Host": "jobs.example", "Origin": origin}, **settings) is None


def test_pages_of_the_public_url_are_accepted_behind_a_proxy_that_rewrites_the_host() -> None:
    settings = {"api_keys": KEYS, "public_url": "https://jobs.example/pressrun"}

    assert refusal({"Host": "10.0.0.7:8001", "Origin": "https://jobs.example"}, **settings) is None


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3000", "https://sub.jobs.example"]
)
def test_with_api_keys_other_pages_are_refused(origin: str) -> None:
    assert refusal({"Host": "jobs.example", "Origin": origin}, api_keys=KEYS) is not None


def test_several_origins_must_all_be_allowed() -> None:
    headers = [
        ("Host", "localhost:8001"),
        ("Origin", "http://localhost:8000"),
        ("Origin", "https://evil.example"),
    ]

    assert refusal(headers) is not None


def test_exactly_one_host_is_needed() -> None:
    assert refusal([]) is not None
    assert refusal([("Host", "localhost"), ("host", "localhost")]) is not None
