import socket
from ipaddress import ip_address

import pytest

from jobs.process.own_addresses import is_own_address


def test_loopback_addresses_are_those_of_this_machine() -> None:
    assert is_own_address(ip_address("127.0.0.1"))


def test_the_address_that_the_machine_sends_from_is_its_own() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no way out")
        assert is_own_address(ip_address(probe.getsockname()[0]))


@pytest.mark.parametrize("address", ["192.0.2.1", "93.184.215.14", "2001:db8::1", "2606:4700::1111"])
def test_addresses_of_others_are_not(address: str) -> None:
    assert not is_own_address(ip_address(address))
