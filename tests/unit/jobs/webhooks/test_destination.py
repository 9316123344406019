from __future__ import annotations

import ipaddress
import socket

import pytest

from jobs.core.egress import Address, AddressRefused, EgressError, EgressPolicy, UrlRefused
from jobs.webhooks.destination import Destinations, Lookup

CLOSED = Destinations(EgressPolicy())
OPEN = Destinations(EgressPolicy.from_entries(["10.0.0.0/8", "intern.example"]))


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "https://example.com:8443/", "https://8.8.8.8/?a=b"]
)
def test_https_to_the_public_internet_is_allowed(url: str) -> None:
    CLOSED.check_url(url)


@pytest.mark.parametrize(
    "url", ["http://8.8.8.8/", "https://8.8.8.8:9000/", "https://10.0.0.1/", "https://[64:ff9b::a9fe:a9fe]/"]
)
def test_plain_http_other_ports_and_private_addresses_are_refused(url: str) -> None:
    with pytest.raises(EgressError):
        CLOSED.check_url(url)


@pytest.mark.parametrize(
    "url", ["http://localhost:3000/x", "https://localhost/", "https://LOCALHOST./", "https://api.localhost/"]
)
def test_localhost_is_this_machine_whatever_a_resolver_says(url: str) -> None:
    for destinations in (CLOSED, OPEN):
        with pytest.raises(AddressRefused, match=r"localhost is not allowed\."):
            destinations.check_url(url)
    for allowed in ("127.0.0.1", "::1", "127.0.0.0/8"):
        Destinations(EgressPolicy.from_entries([allowed])).check_url(url)
    CLOSED.check_url("https://localhost.example.com/")


def test_localhost_may_be_listed_by_name() -> None:
    by_name = Destinations(EgressPolicy.from_entries(["localhost"]))
    by_name.check_url("http://localhost:3000/")
    with pytest.raises(AddressRefused):
        by_name.check_url("http://api.localhost:3000/")


@pytest.mark.parametrize("url", ["http://example.com/", "https://example.com:9000/"])
def test_the_scheme_and_port_of_a_url_are_checked_before_its_host_is_resolved(url: str) -> None:
    with pytest.raises(UrlRefused, match="unless PRESSRUN_EGRESS_ALLOW lists the host"):
        CLOSED.check_url(url)
    OPEN.check_url(url)  # the host may resolve to an address in a listed network


@pytest.mark.parametrize(
    "url",
    ["https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://a:b@example.com/", "ftp://a/", "x"],
)
def test_odd_urls_are_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        CLOSED.check_url(url)


def test_hosts_that_the_operator_lists_may_be_reached_over_plain_http() -> None:
    OPEN.check_url("http://10.1.2.3:9000/")
    target = OPEN.check_url("http://intern.example:9000/")
    OPEN.check_address(target, ipaddress.ip_address("192.168.0.1"))


def failing(code: int) -> Lookup:
    def lookup(host: str, port: int) -> list[Address]:
        raise socket.gaierror(code, "no such host")

    return lookup


async def test_registration_accepts_a_host_if_the_resolver_fails_temporarily() -> None:
    destinations = Destinations(EgressPolicy(), lookup=failing(socket.EAI_AGAIN))
    await destinations.check_registration("https://example.com/")


async def test_registration_refuses_a_host_that_does_not_exist() -> None:
    destinations = Destinations(EgressPolicy(), lookup=failing(socket.EAI_NONAME))
    with pytest.raises(EgressError, match="no such host"):
        await destinations.check_registration("https://example.com/")


async def test_registration_refuses_a_host_that_resolves_to_a_private_address() -> None:
    destinations = Destinations(EgressPolicy(), lookup=lambda host, port: [ipaddress.ip_address("10.0.0.1")])
    with pytest.raises(AddressRefused):
        await destinations.check_registration("https://example.com/")
