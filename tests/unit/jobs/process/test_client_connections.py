from __future__ import annotations

import pytest

from jobs.process.client_connections import (
    REFUSALS_ANSWERED,
    Admission,
    ClientConnections,
    client_of,
    is_one_client,
)

ONE, OTHER = "8.8.8.8", "9.9.9.9"


def test_an_address_gets_as_many_connections_as_it_may_have() -> None:
    connections = ClientConnections(2, 100)
    assert [connections.enter(ONE) for _ in range(3)] == [
        Admission.ADMITTED,
        Admission.ADMITTED,
        Admission.ADDRESS_FULL,
    ]
    assert connections.enter(OTHER) is Admission.ADMITTED


def test_a_connection_that_ends_makes_room() -> None:
    connections = ClientConnections(1, 100)
    assert connections.enter(ONE) is Admission.ADMITTED
    assert connections.enter(ONE) is Admission.ADDRESS_FULL
    connections.leave(ONE)
    connections.leave(ONE)
    assert connections.open == 0
    assert connections.enter(ONE) is Admission.ADMITTED


def test_many_refused_connections_at_a_time_get_no_answer() -> None:
    connections = ClientConnections(1, 100)
    admissions = [connections.enter(ONE) for _ in range(REFUSALS_ANSWERED + 2)]
    assert admissions[1:-1] == [Admission.ADDRESS_FULL] * REFUSALS_ANSWERED
    assert admissions[-1] is Admission.FLOOD


def test_a_process_has_a_limit_for_all_addresses_together() -> None:
    connections = ClientConnections(100, 2)
    assert [connections.enter(address) for address in (ONE, OTHER, "10.0.0.1", "1.1.1.1")] == [
        Admission.ADMITTED,
        Admission.ADMITTED,
        Admission.PROCESS_FULL,
        Admission.PROCESS_FULL,
    ]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "fd00::1", "::1", "fe80::1%eth0"]
)
def test_what_may_be_a_proxy_is_not_limited_by_its_address(address: str) -> None:
    connections = ClientConnections(1, 100)
    assert [connections.enter(address) for _ in range(50)] == [Admission.ADMITTED] * 50
    for _ in range(50):
        connections.leave(address)
    assert connections.open == 0


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("2a00:1450::1", "2a00:1450::2", True),
        ("2a00:1450::1", "2a00:1450:0:1::1", False),
        ("::ffff:8.8.8.8", "8.8.8.8", True),
        ("8.8.8.8", "8.8.4.4", False),
    ],
)
def test_the_addresses_of_one_client_count_together(one: str, other: str, are_one: bool) -> None:
    assert is_one_client(one)
    assert (client_of(one) == client_of(other)) is are_one
