import ipaddress
import json
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.egress import BLOCKED_PORTS, AddressRefused, EgressPolicy, UrlRefused, refusal, unwrap

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "egress.json").read_text())
POLICY = EgressPolicy()

PUBLIC_V4 = st.ip_addresses(v=4).filter(lambda address: refusal(address) is None)
ANY_V4 = st.ip_addresses(v=4)


def mapped(inner: IPv4Address) -> IPv6Address:
    return IPv6Address(int(inner) | 0xFFFF << 32)


def nat64(inner: IPv4Address) -> IPv6Address:
    return IPv6Address(int(IPv6Address("64:ff9b::")) | int(inner))


def six_to_four(inner: IPv4Address) -> IPv6Address:
    return IPv6Address(0x2002 << 112 | int(inner) << 80 | 1)


def compatible(inner: IPv4Address) -> IPv6Address:
    return IPv6Address(int(inner))


def translated(inner: IPv4Address) -> IPv6Address:
    return IPv6Address(int(inner) | 0xFFFF << 48)


def local_nat64(inner: IPv4Address) -> IPv6Address:
    return IPv6Address(int(IPv6Address("64:ff9b:1::")) | int(inner))


def teredo(client: IPv4Address) -> IPv6Address:
    return IPv6Address(
        0x20010000 << 96 | int(IPv4Address("65.54.227.120")) << 64 | (int(client) ^ 0xFFFF_FFFF)
    )


def test_a_password_in_a_url_is_not_shown() -> None:
    for url in ("https://zoe:hunter2@a.example/x", "https://zoe:h@hunter2@a.example", "//hunter2@a.example"):
        with pytest.raises(UrlRefused) as refused:
            POLICY.check_url(url)
        assert "hunter2" not in str(refused.value)
        assert "…@a.example" in str(refused.value)


def test_an_origin_is_scheme_host_and_port_in_one_spelling() -> None:
    for url, origin in (
        ("https://A.example:443/x?y", "https://a.example"),
        ("http://a.example.:8080", "http://a.example:8080"),
        ("http://[2001:DB8::1]/", "http://[2001:db8::1]"),
    ):
        assert POLICY.check_url(url).origin == origin


class TestAddresses:
    @pytest.mark.parametrize("address", VECTORS["refuse"])
    def test_addresses_that_the_vectors_refuse_are_refused(self, address: str) -> None:
        with pytest.raises(AddressRefused):
            POLICY.check_address("host.example", address)

    @pytest.mark.parametrize("address", VECTORS["allow"])
    def test_addresses_that_the_vectors_allow_are_allowed(self, address: str) -> None:
        assert POLICY.check_address("host.example", address) == ipaddress.ip_address(address)

    @pytest.mark.parametrize(
        "address",
        [
            # both ends of ranges whose boundaries are easy to get wrong
            *("10.255.255.255", "100.127.255.255", "172.31.255.255", "127.255.255.254", "169.254.170.2"),
            *("192.0.0.8", "192.0.2.255", "192.88.99.1", "198.19.255.255", "198.51.100.1", "203.0.113.9"),
            *("239.255.255.250", "240.0.0.1", "100.100.100.200", "192.0.0.192", "0.1.2.3"),
            *("::ffff:169.254.169.254", "::ffff:0:10.0.0.1", "::10.0.0.1", "::7f00:1", "::8.8.8.8"),
            *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808", "64:ff9b:1:ffff::1"),
            *("2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
            *("2001:db8::1", "3fff::1", "2001:2::1", "2001:10::1", "2001:20::1", "100::1", "5f00::1"),
            *("fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe", "febf::1", "feff::1", "ff0e::1", "ff05::2"),
            *(
                "4000::1",
                "8000::1",
                "c000::1",
                "e000::1",
                "f000::1",
                "f800::1",
                "fe00::1",
                "1000::1",
                "400::1",
            ),
        ],
    )
    def test_every_special_purpose_range_is_refused(self, address: str) -> None:
        assert refusal(ipaddress.ip_address(address)) is not None

    @pytest.mark.parametrize(
        "address",
        [
            *(
                "1.1.1.1",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.1",
            ),
            *(
                "172.15.255.255",
                "172.32.0.0",
                "192.0.1.1",
                "192.167.255.255",
                "192.169.0.0",
                "198.17.255.255",
            ),
            *("198.20.0.0", "223.255.255.255", "168.63.129.15", "168.63.129.17"),
            *("2001:4860:4860::8888", "2a00:1450:4001::1", "2400:cb00::1", "2001:200::1"),
            *("::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"),
        ],
    )
    def test_neighbours_of_special_ranges_are_allowed(self, address: str) -> None:
        assert refusal(ipaddress.ip_address(address)) is None

    @given(ANY_V4)
    def test_an_address_that_embeds_another_is_judged_by_the_embedded_one(self, inner: IPv4Address) -> None:
        for wrap in (mapped, nat64, six_to_four):
            assert unwrap(wrap(inner)) == inner
            assert (refusal(wrap(inner)) is None) == (refusal(inner) is None)

    @given(ANY_V4)
    def test_other_embeddings_are_refused_whatever_they_embed(self, inner: IPv4Address) -> None:
        for wrap in (compatible, translated, local_nat64, teredo):
            assert refusal(wrap(inner)) is not None

    @given(st.ip_addresses())
    def test_no_address_that_python_calls_special_is_allowed(
        self, address: IPv4Address | IPv6Address
    ) -> None:
        if refusal(address) is None:
            inner = unwrap(address)
            assert inner.is_global
            assert not inner.is_multicast
            assert not inner.is_reserved

    @given(st.integers(min_value=0, max_value=2**128 - 1).map(IPv6Address))
    def test_only_global_unicast_addresses_of_ipv6_are_allowed(self, address: IPv6Address) -> None:
        if refusal(address) is None and unwrap(address) == address:
            assert address in ipaddress.ip_network("2000::/3")

    def test_only_the_detail_of_a_refusal_names_the_address_and_the_reason(self) -> None:
        with pytest.raises(AddressRefused) as refused:
            POLICY.check_address("meta.example", "64:ff9b::a9fe:a9fe")
        assert str(refused.value) == "meta.example is not allowed. PRESSRUN_EGRESS_ALLOW can allow it."
        assert refused.value.detail == (
            "meta.example (64:ff9b::a9fe:a9fe) is refused: 169.254.169.254 inside it is a link-local address, where "
            "clouds serve their metadata"
        )

    def test_an_address_of_this_machine_is_refused_although_it_is_public(self) -> None:
        own = IPv4Address("93.184.215.14")
        policy = EgressPolicy.from_entries(["listed.example"], is_own=lambda address: address == own)
        for spelling in (own, mapped(own), nat64(own), six_to_four(own)):
            with pytest.raises(AddressRefused) as refused:
                policy.check_address("me.example", spelling)
            assert "an address of this machine" in refused.value.detail
            assert "this machine" not in str(refused.value)
            policy.check_address("listed.example", spelling)
        policy.check_address("me.example", own + 1)

    def test_one_bad_address_among_good_ones_refuses_the_host(self) -> None:
        with pytest.raises(AddressRefused) as refused:
            POLICY.check_addresses("mixed.example", ["8.8.8.8", "2606:4700::1111", "10.0.0.7"])
        assert "10.0.0.7" in refused.value.detail


class TestAllowing:
    def test_listed_networks_are_allowed_and_their_neighbours_are_not(self) -> None:
        policy = EgressPolicy.from_entries(["10.1.0.0/16", "fd00:1::/32", "192.168.1.5"])
        for address in ("10.1.2.3", "fd00:1::9", "192.168.1.5", "::ffff:10.1.2.3"):
            policy.check_address("intranet", address)
        for address in ("10.2.0.1", "fd00:2::1", "192.168.1.6", "::ffff:10.2.0.1"):
            with pytest.raises(AddressRefused):
                policy.check_address("intranet", address)

    def test_only_a_listed_host_is_allowed_at_any_address(self) -> None:
        policy = EgressPolicy.from_entries(["Assets.Internal.", "bücher.example"])
        target = policy.check_url("http://ASSETS.internal./logo.png")
        policy.check_address(target.host, "10.0.0.1")
        policy.check_address(policy.check_url("http://bücher.example/").host, "127.0.0.1")
        for host in ("internal", "x.assets.internal", "assets.internal.example"):
            with pytest.raises(AddressRefused):
                policy.check_address(host, "10.0.0.1")

    def test_the_public_internet_is_refused_if_only_listed_hosts_are_allowed(self) -> None:
        policy = EgressPolicy.from_entries(["cdn.example", "203.0.113.0/24"], only_listed=True)
        policy.check_address("cdn.example", "8.8.8.8")
        policy.check_address("other.example", "203.0.113.7")
        with pytest.raises(AddressRefused) as refused:
            policy.check_address("other.example", "8.8.8.8")
        assert "only what PRESSRUN_EGRESS_ALLOW lists" in refused.value.detail

    @given(PUBLIC_V4)
    def test_without_a_list_every_public_address_is_allowed(self, address: IPv4Address) -> None:
        assert POLICY.check_address("host.example", address) == address


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("http://example.com", ("http", "example.com", 80, "/", "example.com")),
            ("HTTPS://Example.COM./a/b?c=d#e", ("https", "example.com", 443, "/a/b?c=d", "example.com")),
            ("https://example.com:8443/?q", ("https", "example.com", 8443, "/?q", "example.com:8443")),
            (
                "http://[2606:4700::1111]:8080/x",
                ("http", "2606:4700::1111", 8080, "/x", "[2606:4700::1111]:8080"),
            ),
            ("http://bücher.example/", ("http", "xn--bcher-kva.example", 80, "/", "xn--bcher-kva.example")),
            (
                "http://b%C3%BCcher.example/ä?ö",
                ("http", "xn--bcher-kva.example", 80, "/%C3%A4?%C3%B6", "xn--bcher-kva.example"),
            ),
            ("http://2130706433/", ("http", "2130706433", 80, "/", "2130706433")),
        ],
    )
    def test_a_url_is_split_into_normalized_parts(
        self, url: str, expected: tuple[str, str, int, str, str]
    ) -> None:
        target = POLICY.check_url(url)
        assert (target.scheme, target.host, target.port, target.path, target.authority) == expected

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("file:///etc/passwd", "only http and https"),
            ("ftp://example.com/", "only http and https"),
            ("gopher://127.0.0.1:6379/_FLUSHALL", "only http and https"),
            ("//example.com/", "only http and https"),
            ("http://user:secret@example.com/", "user name or password"),
            ("http://user@example.com/", "user name or password"),
            ("http://example.com\\@127.0.0.1/", "backslash"),
            ("http://exa\nmple.com/", "control character"),
            ("http://example.com/a b", "space"),
            ("http://", "no valid host name"),
            ("http:///path", "no valid host name"),
            ("http://exa%2fmple.com/", "no valid host name"),
            ("http://exa%0ample.com/", "no valid host name"),
            ("http://[fe80::1%25eth0]/", "names an interface"),
            ("http://-x-/", "no valid host name"),
            ("http://[::1/", "malformed"),
            ("http://[::zz]/", "malformed"),
            ("http://example.com:99999/", "malformed"),
            ("http://example.com:x/", "malformed"),
            ("http://example.com:25/", "port 25"),
            ("http://example.com:6379/", "port 6379"),
            ("http://example.com:0/", "port 0"),
            ("http://" + "a" * 64 + ".example/", "no valid host name"),
            ("http://" + "ü" * 64 + ".example/", "malformed"),
            ("http://example.com/" + "a" * 9000, "longer than"),
        ],
    )
    def test_a_forbidden_url_is_refused_with_the_reason(self, url: str, reason: str) -> None:
        with pytest.raises(UrlRefused) as refused:
            POLICY.check_url(url)
        assert reason in str(refused.value)
        assert str(refused.value).endswith(".")

    @pytest.mark.parametrize("url", VECTORS["refuse_urls"])
    def test_urls_that_the_vectors_refuse_are_refused_before_anything_is_resolved(self, url: str) -> None:
        with pytest.raises(UrlRefused):
            POLICY.check_url(url)

    def test_an_at_sign_after_the_host_does_not_change_the_host(self) -> None:
        for url in (
            "http://example.com#@127.0.0.1/",
            "http://example.com?@127.0.0.1/",
            "http://example.com/@127.0.0.1",
        ):
            assert POLICY.check_url(url).host == "example.com"

    def test_the_refusal_of_a_scheme_names_those_that_are_opened(self) -> None:
        with pytest.raises(UrlRefused, match="only http and https URLs"):
            POLICY.check_url("ftp://example.com/")

    @given(st.text(max_size=100))
    def test_any_text_is_either_a_target_or_refused(self, text: str) -> None:
        for url in (text, f"http://{text}", f"https://{text}/x"):
            try:
                target = POLICY.check_url(url)
            except UrlRefused:
                continue
            assert target.host.isascii()
            assert "/" not in target.host
            assert target.port not in BLOCKED_PORTS
