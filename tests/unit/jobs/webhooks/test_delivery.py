from __future__ import annotations

import pytest

from jobs.webhooks.delivery import (
    DELIVERY_ID,
    attempts_of,
    delivery_id,
    origin_of,
    origin_target,
    paced_origin,
)


def test_the_same_event_and_target_make_the_same_delivery() -> None:
    id = delivery_id("evt_1", "we_1")
    assert DELIVERY_ID.match(id)
    assert id == delivery_id("evt_1", "we_1")
    others = {delivery_id("evt_2", "we_1"), delivery_id("evt_1", "we_2"), delivery_id("evt_1", "we_1", "u")}
    assert len(others - {id}) == 3


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Example.test/a?b", "https://example.test:443"),
        ("https://example.test:443", "https://example.test:443"),
        ("http://example.test:8080/", "http://example.test:8080"),
    ],
)
def test_an_origin_has_one_spelling(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["", "x", "ftp://a/", "https://", "https://[", "https://a:b/"])
def test_text_that_is_not_a_url_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (several messages, some of the library's)
        origin_of(url)


def test_origins_of_different_tenants_are_different_targets() -> None:
    assert origin_target("a", "https://x:443") != origin_target("b", "https://x:443")


def test_a_request_that_was_sent_again_makes_two_attempts_in_order() -> None:
    again = {"error": None, "unanswered": {"error": "connection_closed"}}
    assert attempts_of(again) == [{"error": "connection_closed"}, {"error": None}]
    assert attempts_of({"error": "timeout"}) == [{"error": "timeout"}]


@pytest.mark.parametrize(
    "url",
    [
        "https://b\u00fccher.test/a",
        "https://xn--bcher-kva.test:443/b",
        "https://B\u00dcCHER.test./c",
        "https://b%C3%BCcher.test/d",
    ],
)
def test_an_origin_has_one_pace_in_all_spellings_of_its_host(url: str) -> None:
    assert paced_origin(url) == "https://xn--bcher-kva.test:443"


def test_a_url_to_which_nothing_is_sent_has_an_origin_too() -> None:
    assert paced_origin("https://user@example.test/") == "https://example.test:443"
