"""Decides which URLs and addresses Pressrun may connect to, for document assets and webhooks.

Pure: it checks URLs and addresses and never resolves or connects. Code that connects does this:

1. check the URL with `EgressPolicy.check_url`;
2. resolve the host;
3. check *every* address that it resolved to with `EgressPolicy.check_addresses`;
4. connect to exactly one of these addresses.

Checking addresses, not names, stops names that resolve to private addresses, odd spellings of
addresses (``http://2130706433/``) and names that resolve to something else the second time.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, quote, unquote, urlsplit

from jobs.core.errors import PressrunError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
IsOwn = Callable[[Address], bool]

MAX_URL_CHARACTERS = 8192


class EgressError(PressrunError):
    """We do not connect there. The text is a sentence for the owner of the document or endpoint."""


class UrlRefused(EgressError):
    """The URL itself is not one that we open, whatever it resolves to."""

    def __init__(self, url: str, reason: str) -> None:
        url = _USER_INFO.sub("…@", url)  # a password must not get into messages
        shown = url if len(url) <= 200 else url[:199] + "…"
        super().__init__(f"{shown!r} is refused: {reason}.")


class AddressRefused(EgressError):
    """The host resolves to an address that we do not connect to.

    The text does not say to which one, and why: `detail` does, for the operator's log alone.
    """

    def __init__(self, host: str, address: Address, reason: str) -> None:
        super().__init__(f"{host} is not allowed. PRESSRUN_EGRESS_ALLOW can allow it.")
        self.detail = f"{host} ({address}) is refused: {reason}"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart once, so that what was checked is what is used."""

    scheme: str
    host: str
    """ASCII, lower case, without brackets or a trailing dot."""
    port: int
    path: str
    """Path and query, percent-encoded, as they go into the request line."""

    @property
    def authority(self) -> str:
        """What goes into the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port in one spelling (RFC 6454 section 6.2)."""
        return f"{self.scheme}://{self.authority}"


def _is_nobody(address: Address) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Allows URLs and addresses: all that are globally routable, and those that are listed.

    The tables below say what is not globally routable. An address of this machine (`is_own`) is
    refused like those. `networks` and `hosts` are allowed even so; with `only_listed`, nothing else
    is.
    """

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    only_listed: bool = False
    is_own: IsOwn = _is_nobody

    @classmethod
    def from_entries(
        cls, entries: Iterable[str], *, only_listed: bool = False, is_own: IsOwn = _is_nobody
    ) -> EgressPolicy:
        """Makes the policy of `Settings.egress_allow`: CIDRs, addresses and exact host names.

        Code that connects gives `jobs.process.own_addresses.is_own_address` as `is_own`. Raises
        ValueError.
        """
        networks: list[Network] = []
        hosts: set[str] = set()
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                host = _ascii_host(entry)
                if not _HOST_NAME.fullmatch(host):
                    raise ValueError(f"{entry!r} is no network, address or host name") from None
                hosts.add(host)
        return cls(tuple(networks), frozenset(hosts), only_listed, is_own)

    def check_url(self, url: str) -> Target:
        """Takes `url` apart. Raises UrlRefused."""
        if len(url) > MAX_URL_CHARACTERS:
            raise UrlRefused(url, f"it is longer than {MAX_URL_CHARACTERS} characters")
        if _FORBIDDEN_CHARACTERS.search(url):
            raise UrlRefused(url, "it contains a space, a backslash or a control character")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise UrlRefused(url, "it is malformed") from None
        if parts.scheme not in _DEFAULT_PORTS:
            raise UrlRefused(url, "only http and https URLs are opened")
        if "@" in parts.netloc:
            raise UrlRefused(url, "it carries a user name or password")
        host = self._host(url, parts)
        if port is None:
            port = _DEFAULT_PORTS[parts.scheme]
        if port in BLOCKED_PORTS:
            raise UrlRefused(url, f"port {port} belongs to another protocol")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(parts.scheme, host, port, quote(path, safe=_PATH_CHARACTERS))

    @staticmethod
    def _host(url: str, parts: SplitResult) -> str:
        try:
            host = _ascii_host(unquote(parts.hostname or ""))
        except UnicodeError:
            raise UrlRefused(url, "its host name is malformed") from None
        if "[" in parts.netloc or "]" in parts.netloc:
            if not _IN_BRACKETS.fullmatch(parts.netloc):  # Python forgets what is beside the brackets
                raise UrlRefused(url, "its host name is malformed")
            try:
                address = IPv6Address(host)
            except ValueError:
                raise UrlRefused(url, "its IPv6 address is malformed") from None
            if address.scope_id is not None:
                raise UrlRefused(url, "its IPv6 address names an interface of this machine")
            return str(address)
        if not _HOST_NAME.fullmatch(host):
            raise UrlRefused(url, "it has no valid host name")
        return host

    def check_address(self, host: str, address: str | Address) -> Address:
        """Returns `address` as an object, if a connection to it is allowed for `host`.

        Raises AddressRefused.
        """
        judged = ipaddress.ip_address(address)
        if self.is_listed(host, judged):
            return judged
        if self.only_listed:
            raise AddressRefused(host, judged, "only what PRESSRUN_EGRESS_ALLOW lists may be reached")
        if (reason := refusal(judged)) is not None:
            raise AddressRefused(host, judged, reason)
        if self.is_own(unwrap(judged)):
            raise AddressRefused(host, judged, "an address of this machine")
        return judged

    def check_addresses(self, host: str, addresses: Iterable[str | Address]) -> list[Address]:
        """Returns all of `addresses`, if each is allowed. Raises AddressRefused."""
        return [self.check_address(host, address) for address in addresses]

    def is_listed(self, host: str, address: Address) -> bool:
        """Whether the operator has listed the host, or a network that `address` lies in."""
        if host in self.hosts:
            return True
        forms = (address, unwrap(address))
        return any(
            form in network for network in self.networks for form in forms if form.version == network.version
        )


def unwrap(address: Address) -> Address:
    """Returns the IPv4 address that an IPv6 address carries; else the address itself.

    IPv4-mapped (RFC 4291), NAT64 (RFC 6052) and 6to4 (RFC 3056) addresses are allowed if the one
    inside is. IPv4-compatible, IPv4-translated, Teredo and local-use NAT64 are refused whole.
    """
    if isinstance(address, IPv4Address):
        return address
    value = int(address)
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(value & 0xFFFF_FFFF)
    if address in _6TO4:
        return IPv4Address(value >> 80 & 0xFFFF_FFFF)
    return address


def refusal(address: Address) -> str | None:
    """Returns why `address` is refused, to end a sentence; None if it is globally routable."""
    inner = unwrap(address)
    for network, what in REFUSED_V4 if inner.version == 4 else REFUSED_V6:
        if inner in network:
            inside = "" if inner == address else f"{inner} inside it is "
            return f"{inside}{what}"
    if inner.version == 6 and inner not in _GLOBAL_UNICAST:
        return "reserved by the IETF"  # RFC 4291 section 2.4
    return None


def _ascii_host(host: str) -> str:
    host = host.strip("[]").rstrip(".").lower()
    return host if host.isascii() else host.encode("idna").decode("ascii")


_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_IN_BRACKETS = re.compile(r"\[[^\[\]]*\](:[0-9]*)?")
_PATH_CHARACTERS = "/?%:@!$&'()*+,;=~-._[]|^`{}"
_USER_INFO = re.compile(r"(?<=//)[^/?#]*@")
_FORBIDDEN_CHARACTERS = re.compile(r"[\x00-\x20\x7f\\]")

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")

REFUSED_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), what)
    for network, what in (
        # IANA IPv4 Special-Purpose Address Registry (RFC 6890), whatever is not globally reachable
        ("0.0.0.0/8", "this host on this network"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "an address shared by a provider's customers"),
        ("127.0.0.0/8", "this machine's loopback"),
        ("169.254.0.0/16", "a link-local address, where clouds serve their metadata"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "reserved for protocol assignments"),
        ("192.0.2.0/24", "reserved for documentation"),
        ("192.88.99.0/24", "the withdrawn 6to4 relay anycast"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "reserved, or the broadcast address"),
        # Globally routable by its number, but answered by the machine's own platform
        ("168.63.129.16/32", "Azure's platform service"),
    )
)

REFUSED_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), what)
    for network, what in (
        # Inside global unicast: IANA IPv6 Special-Purpose Address Registry
        ("2001::/23", "reserved for protocol assignments (Teredo among them)"),
        ("2001:db8::/32", "reserved for documentation"),
        ("3fff::/20", "reserved for documentation"),
        # Outside of it: those that may occur
        ("::1/128", "this machine's loopback"),
        ("::/128", "the unspecified address"),
        ("64:ff9b:1::/48", "local-use NAT64"),
        ("100::/64", "the discard-only prefix"),
        ("5f00::/16", "reserved for segment routing"),
        ("fc00::/7", "a private (unique local) address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a private (site-local) address"),
        ("ff00::/8", "a multicast address"),
        ("::/8", "reserved, IPv4-compatible and IPv4-translated addresses among them"),
    )
)

# fmt: off
BLOCKED_PORTS = frozenset({
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080, 11211,
})
"""Their servers could take HTTP for commands: the Fetch standard's bad ports, Redis, memcached."""
# fmt: on
