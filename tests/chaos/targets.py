"""What the load is told about the running system: addresses and keys, as a client has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """Addresses and keys with which clients reach the system under test."""

    web_urls: tuple[str, ...]  # http://127.0.0.1:PORT, one for each web process
    push_urls: tuple[str, ...]  # ws://127.0.0.1:PORT, one for each notifier
    operator_key: str
    tenant_keys: Mapping[str, str]  # tenant → API key
    receiver_port: int  # where the load receives webhooks, on loopback
