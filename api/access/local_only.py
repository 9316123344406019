"""Serves only programs on this machine while no API keys are set.

- A page of another site in a local browser must not reach the server. Its own requests are known by
  their `Origin`; requests to a name that it lets resolve to this machine (DNS rebinding), by their
  `Host`.
- A proxy would make every client look local, so requests with forwarding headers are refused.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.types import Scope

from jobs.core.errors.request import Forbidden
from jobs.core.http.forwarding import is_forwarding_header
from jobs.core.settings import is_loopback

_REMEDY = "Set PRESSRUN_API_KEYS to serve others than this machine."


def check_local(scope: Scope, allowed_origins: Collection[bytes]) -> None:
    """Raises Forbidden if the request does not come from a program on this machine."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        raise Forbidden(f"Without API keys, only this machine may connect. {_REMEDY}")
    hosts: list[bytes] = []
    origins: list[bytes] = []
    for name, value in scope["headers"]:
        if name == b"host":
            hosts.append(value)
        elif name == b"origin":
            origins.append(value)
        elif is_forwarding_header(name.decode("latin-1")):
            raise Forbidden(
                f"Without API keys, requests through a proxy are refused ({name.decode()}). {_REMEDY}"
            )
    if len(hosts) != 1 or not _is_local_host(hosts[0]):
        raise Forbidden(
            f"Without API keys, the Host header must name this machine, such as localhost. {_REMEDY}"
        )
    if any(origin not in allowed_origins and not _is_same(origin, hosts[0], scope) for origin in origins):
        raise Forbidden("Pages of another origin are refused. PRESSRUN_ALLOWED_ORIGINS lists the exceptions.")


@lru_cache(maxsize=256)
def _is_local_host(host: bytes) -> bool:
    try:
        parts = urlsplit(f"//{host.decode('ascii')}")
        return parts.port != 0 and parts.netloc == host.decode("ascii") and is_loopback(parts.hostname or "")
    except ValueError:
        return False


def _is_same(origin: bytes, host: bytes, scope: Scope) -> bool:
    own: bytes = scope["scheme"].encode() + b"://" + host.lower()
    return origin.lower() == own
