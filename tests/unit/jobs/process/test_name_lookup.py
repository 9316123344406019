from ipaddress import ip_address

import pytest

from jobs.process.name_lookup import look_up


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1"])
def test_an_address_is_its_own_answer(host: str) -> None:
    assert look_up(host, 80) == [ip_address(host)]
