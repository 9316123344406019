"""Accepts or refuses WebSocket handshakes by `Host` and `Origin`.

The same-origin policy does not cover WebSockets: any page may open one, and the browser only sends
the page's `Origin`. So the server must check it. Without API keys there is a second danger, DNS
rebinding: a foreign page whose name resolves to this machine. Its `Host` shows that. Programs other
than browsers send no `Origin`.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from jobs.core.http.forwarding import is_forwarding_header
from jobs.core.settings import Settings, is_loopback

_REMEDY = "set PRESSRUN_API_KEYS to serve others than this machine"


class Access:
    def __init__(self, settings: Settings) -> None:
        self._local_only = not settings.api_keys
        self._web_port = settings.port
        self._allowed = frozenset({*settings.allowed_origins, _origin_of(settings.base_url)})

    def refusal(self, headers: Iterable[tuple[str, str]]) -> str | None:
        """Returns why a handshake with these headers is refused, or None if it is accepted."""
        hosts, origins, forwarding = [], [], []
        for name, value in headers:
            name = name.lower()
            if name == "host":
                hosts.append(value)
            elif name == "origin":
                origins.append(value)
            elif is_forwarding_header(name):
                forwarding.append(name)
        host = _host_name(f"//{hosts[0]}") if len(hosts) == 1 else None
        if host is None:
            return "exactly one Host header is needed"
        if self._local_only and forwarding:
            return f"without API keys, proxies are refused ({forwarding[0]}): {_REMEDY}"
        if self._local_only and not is_loopback(host):
            return f"without API keys, the Host must be this machine, such as localhost: {_REMEDY}"
        admits = self._admits_locally if self._local_only else self._admits
        if not all(origin in self._allowed or admits(origin, hosts[0]) for origin in origins):
            return "the Origin is not allowed: PRESSRUN_ALLOWED_ORIGINS lists those that are"
        return None

    def _admits_locally(self, origin: str, host: str) -> bool:
        """Accepts pages of this server, and of the web process, whose console has another port.

        Pages of other servers on this machine are refused, as over HTTP (`api.access.local_only`).
        """
        if origin.lower() == f"http://{host.lower()}":
            return True
        try:
            parts = urlsplit(origin)
            return (
                parts.scheme == "http"
                and (parts.port or 80) == self._web_port
                and is_loopback(parts.hostname or "")
            )
        except ValueError:
            return False

    def _admits(self, origin: str, host: str) -> bool:
        """Accepts pages of this host on any port: they need a key or token anyway."""
        name = _host_name(origin)
        return name is not None and name == _host_name(f"//{host}")


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
