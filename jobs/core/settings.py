"""The settings: read once from the environment, typed, immutable.

`Settings.from_env` is the only reader of environment variables.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

from jobs.core.egress import EgressPolicy

T = TypeVar("T")

FetchMode = Literal["none", "public", "allowlist"]
IsolationMode = Literal["auto", "required", "off"]
"""``off`` is no setting: tests and benchmarks compare with it."""
EvictionMode = Literal["refuse", "allow"]
Source = Literal["environment", "derived", "default"]

DAY_SECONDS = 86_400
WEBHOOK_SCHEDULE_SECONDS = 4 * DAY_SECONDS
"""How long a webhook delivery may be retried; results must be kept at least as long."""

EVENTS_PERCENT = 40
"""How much of the store's maxmemory all event logs and the bus may use together, by default. The
rest is for what cannot be trimmed: jobs, their input, webhook deliveries."""

EMBEDDED_STORE = Path("valkey/valkey.sock")
"""Where the store of `pressrun up` listens, below `data_dir`: the store if REDIS_URL is not set."""

LOCAL_TENANT = "default"
"""The tenant of clients without a key. They are on this machine, and no API keys are set."""


class BadSetting(ValueError):
    """A setting cannot be used. The text says which, what is wrong, and what it may be."""

    def __init__(self, variable: str, problem: str, expected: str) -> None:
        super().__init__(f"{variable} {problem}. It may be: {expected}.")
        self.variable = variable


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One accepted API key. `repr` hides the key."""

    tenant: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PortRange:
    """The TCP ports from `first` to `last`."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def setting(
    variable: str, default: Any, parse: Callable[[str], Any], expected: str, *, secret: bool = False
) -> Any:
    """A dataclass field read from `variable`; `expected` completes "It may be: …"."""
    return field(
        default=default,
        repr=not secret,
        metadata={"variable": variable, "parse": parse, "expected": expected, "secret": secret},
    )


def _int(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return parse


def _ports(text: str) -> PortRange:
    first, dash, last = text.partition("-")
    port = _int(1, 65535)
    ports = PortRange(port(first), port(last if dash else first))
    if not 0 <= ports.last - ports.first < _MOST_PORTS:
        raise ValueError
    return ports


def _one_of(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError
        return text

    return parse


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or (not parts.netloc and parts.scheme not in ("redis", "file")):
            raise ValueError
        if parts.port == 0:  # what is no port raises by itself
            raise ValueError
        return text.rstrip("/")

    return parse


def _redis_url(text: str) -> str:
    parts = urlsplit(text)
    path = parts.path.strip("/")
    databases = parse_qs(parts.query).get("db", [])
    if parts.scheme in SENTINEL_SCHEMES:
        sentinels(text)
        if parse_qs(parts.query, keep_blank_values=True).keys() - {"ssl"}:
            raise ValueError
        databases.append(path.partition("/")[2])
    elif parts.scheme != "unix":  # the path of `unix:` is the socket's
        _url("redis", "rediss")(text)
        databases.append(path)
    if not all(database.isdecimal() for database in databases if database):
        raise ValueError
    return text.rstrip("/")


def sentinels(url: str) -> list[tuple[str, int]]:
    """Returns host and port of each sentinel in a `redis+sentinel:` URL. Raises ValueError."""
    _, _, hosts = urlsplit(url).netloc.rpartition("@")
    found = []
    for host in hosts.split(","):
        parts = urlsplit(f"//{host}")
        if not parts.hostname or parts.port == 0:
            raise ValueError(f"{host!r} is no host:port")
        found.append((parts.hostname, parts.port or 26379))
    return found


def unix_url(socket: Path) -> str:
    """Returns the REDIS_URL of a store that listens on this absolute path."""
    return "unix://" + quote(str(socket))


def _artifacts_url(text: str) -> str:
    url = _url("file", "s3", "gs", "az", "redis")(text)
    if urlsplit(url).scheme == "redis":
        max_artifacts_mb(url)
    return url


def max_artifacts_mb(url: str) -> int:
    """What all artifacts may use together, by ``redis:?max_mb=…``. Raises ValueError."""
    (max_mb,) = parse_qs(urlsplit(url).query, keep_blank_values=True).get("max_mb", ["256"])
    return _int(1, 1024**2)(max_mb)


def _origins(text: str) -> tuple[str, ...]:
    origins = _list(text)
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.port == 0:
            raise ValueError
    return origins


def _egress(text: str) -> tuple[str, ...]:
    entries = _list(text)
    for entry in entries:
        if "/" in entry:
            ipaddress.ip_network(entry)
    EgressPolicy.from_entries(entries)
    return entries


def _api_keys(text: str) -> tuple[ApiKey, ...]:
    keys = []
    for pair in _list(text):
        tenant, colon, key = pair.partition(":")
        if not colon or len(key) < 16 or not tenant.replace("-", "").replace("_", "").isalnum():
            raise ValueError
        if len(tenant) > 64 or not tenant.isascii() or not key.isascii():
            raise ValueError
        keys.append(ApiKey(tenant, key))
    return tuple(keys)


def _operator_keys(text: str) -> tuple[str, ...]:
    keys = _list(text)
    if any(len(key) < 16 or not key.isascii() for key in keys):
        raise ValueError
    return keys


def _secret_key(text: str) -> tuple[str, ...]:
    keys = _list(text)
    if not keys or any(len(key) < 32 for key in keys):
        raise ValueError
    return keys


def _import_paths(text: str) -> tuple[str, ...]:
    paths = _list(text)
    for path in paths:
        module, colon, attribute = path.partition(":")
        if (
            not colon
            or not attribute.isidentifier()
            or not all(part.isidentifier() for part in module.split("."))
        ):
            raise ValueError
    return paths


_MOST_PORTS = 1000
"""Of a range: a process tries them one by one."""
METRICS_PORT_EXPECTED = "a TCP port from 1 to 65535, or a range such as 9464-9473 of at most 1000"
SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
REDIS_EXPECTED = (
    "redis://host:port/db, rediss://…, unix:///path or redis+sentinel://host:port,host:port/service/db, "
    "where port and db are numbers"
)
ARTIFACTS_EXPECTED = (
    "file:///dir, redis:?max_mb=256, or s3://bucket/prefix, gs://bucket/prefix or az://container/prefix "
    "with account and credentials in the environment"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is in force. Durations are whole seconds, sizes bytes unless the name says otherwise."""

    host: str = setting("PRESSRUN_HOST", "", str, "an address to listen on, such as 127.0.0.1 or 0.0.0.0")
    port: int = setting("PORT", 8000, _int(1, 65535), "a TCP port from 1 to 65535")
    notifier_port: int = setting("PRESSRUN_NOTIFIER_PORT", 8001, _int(1, 65535), "a TCP port from 1 to 65535")
    metrics_ports: PortRange | None = setting("PRESSRUN_METRICS_PORT", None, _ports, METRICS_PORT_EXPECTED)
    redis_url: str = setting("REDIS_URL", "", _redis_url, REDIS_EXPECTED, secret=True)
    data_dir: Path = setting("PRESSRUN_DATA_DIR", Path("data"), Path, "a directory")
    artifacts_url: str = setting("PRESSRUN_ARTIFACTS_URL", "", _artifacts_url, ARTIFACTS_EXPECTED)
    api_keys: tuple[ApiKey, ...] = setting(
        "PRESSRUN_API_KEYS",
        (),
        _api_keys,
        "tenant:key pairs with commas between, keys of at least 16 ASCII characters",
        secret=True,
    )
    operator_keys: tuple[str, ...] = setting(
        "PRESSRUN_OPERATOR_KEYS",
        (),
        _operator_keys,
        "keys of at least 16 ASCII characters with commas between",
        secret=True,
    )
    secret_key: tuple[str, ...] = setting(
        "PRESSRUN_SECRET_KEY",
        (),
        _secret_key,
        "one or more secrets of at least 32 characters with commas between; the first one signs, all verify",
        secret=True,
    )
    public_url: str = setting(
        "PRESSRUN_PUBLIC_URL", "", _url("http", "https"), "http://host:port or https://host"
    )
    websocket_url: str = setting(
        "PRESSRUN_WEBSOCKET_URL", "", _url("ws", "wss"), "ws://host/v1/ws or wss://host/v1/ws"
    )
    worker_slots: int = setting(
        "PRESSRUN_WORKER_SLOTS", os.cpu_count() or 1, _int(1, 256), "a number of renders at a time, 1 to 256"
    )
    render_timeout: int = setting("PRESSRUN_RENDER_TIMEOUT", 60, _int(1, 3600), "seconds from 1 to 3600")
    render_memory_mb: int = setting(
        "PRESSRUN_RENDER_MEMORY_MB", 1024, _int(128, 65536), "MiB from 128 to 65536"
    )
    isolation: IsolationMode = setting(
        "PRESSRUN_ISOLATION",
        "auto",
        _one_of("auto", "required"),
        "auto (as strict as this machine allows) or required (do not start if that is less than full)",
    )
    drain_seconds: int = setting("PRESSRUN_DRAIN_SECONDS", 20, _int(0, 3600), "seconds from 0 to 3600")
    fetch: FetchMode = setting(
        "PRESSRUN_FETCH", "public", _one_of("none", "public", "allowlist"), "none, public or allowlist"
    )
    egress_allow: tuple[str, ...] = setting(
        "PRESSRUN_EGRESS_ALLOW",
        (),
        _egress,
        "CIDRs (10.0.0.0/8), addresses and host names with commas between",
    )
    kinds: tuple[str, ...] = setting(
        "PRESSRUN_KINDS",
        (),
        _import_paths,
        "import paths of your own kinds (package.module:attribute), commas between",
    )
    max_body_bytes: int = setting(
        "PRESSRUN_MAX_BODY_BYTES", 50 * 1024**2, _int(1024, 1024**3), "bytes from 1024 to 1073741824"
    )
    max_queued: int = setting(
        "PRESSRUN_MAX_QUEUED", 100_000, _int(1, 100_000_000), "a number of unfinished jobs per tenant"
    )
    max_tenant_bytes: int | None = setting(
        "PRESSRUN_MAX_TENANT_BYTES",
        None,
        _int(1024**2, 1024**5),
        "bytes of artifacts that a tenant may keep, from 1048576 (1 MiB) to 1125899906842624",
    )
    max_connections: int = setting(
        "PRESSRUN_MAX_CONNECTIONS",
        20_000,
        _int(1, 100_000_000),
        "a number of WebSockets and event streams per tenant",
    )
    max_connections_per_address: int = setting(
        "PRESSRUN_MAX_CONNECTIONS_PER_ADDRESS",
        1_000,
        _int(1, 100_000_000),
        "a number of connections from one public address to a process",
    )
    max_subscriptions: int = setting(
        "PRESSRUN_MAX_SUBSCRIPTIONS", 100_000, _int(1, 100_000_000), "a number of subscriptions per tenant"
    )
    max_webhook_endpoints: int = setting(
        "PRESSRUN_MAX_WEBHOOK_ENDPOINTS", 100, _int(1, 100_000), "a number of webhook endpoints per tenant"
    )
    webhook_origin_rate: int = setting(
        "PRESSRUN_WEBHOOK_ORIGIN_RATE",
        100,
        _int(0, 100_000),
        "webhook requests per second to one host and port, of all tenants; 0 for no limit",
    )
    log_events: int = setting(
        "PRESSRUN_LOG_EVENTS", 100_000, _int(100, 100_000_000), "how many events a tenant's log keeps"
    )
    log_ttl: int = setting(
        "PRESSRUN_LOG_TTL", 30 * DAY_SECONDS, _int(60, 3650 * DAY_SECONDS), "seconds, at least 60"
    )
    bus_events: int = setting(
        "PRESSRUN_BUS_EVENTS",
        20_000,
        _int(1_000, 100_000_000),
        "how many events of all tenants wait for the web and notifier processes, at least 1000",
    )
    events_mb: int = setting(
        "PRESSRUN_EVENTS_MB", 0, _int(1, 1024**2), "MiB that all event logs and the bus may use together"
    )
    result_ttl: int = setting(
        "PRESSRUN_RESULT_TTL",
        7 * DAY_SECONDS,
        _int(WEBHOOK_SCHEDULE_SECONDS, 3650 * DAY_SECONDS),
        f"seconds, at least {WEBHOOK_SCHEDULE_SECONDS} (a webhook may be retried that long)",
    )
    record_ttl: int = setting(
        "PRESSRUN_RECORD_TTL",
        30 * DAY_SECONDS,
        _int(WEBHOOK_SCHEDULE_SECONDS, 3650 * DAY_SECONDS),
        "seconds, at least PRESSRUN_RESULT_TTL",
    )
    allowed_origins: tuple[str, ...] = setting(
        "PRESSRUN_ALLOWED_ORIGINS",
        (),
        _origins,
        "origins such as https://app.example.com with commas between",
    )
    eviction: EvictionMode = setting(
        "PRESSRUN_EVICTION",
        "refuse",
        _one_of("refuse", "allow"),
        "refuse, or allow to accept jobs though the store may forget them",
    )
    log_level: str = setting(
        "PRESSRUN_LOG_LEVEL",
        "info",
        _one_of("debug", "info", "warning", "error"),
        "debug, info, warning or error",
    )
    log_format: str = setting("PRESSRUN_LOG_FORMAT", "console", _one_of("console", "json"), "console or json")

    def __post_init__(self) -> None:
        if not self.redis_url:
            url = unix_url(self.data_dir.absolute() / EMBEDDED_STORE)
            object.__setattr__(self, "redis_url", url)  # frozen for all others

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Returns the settings that `environ` asks for. Raises BadSetting."""
        values: dict[str, Any] = {}
        for spec in dataclasses.fields(cls):
            text = environ.get(spec.metadata["variable"], "").strip()
            if not text:
                continue
            try:
                values[spec.name] = spec.metadata["parse"](text)
            except ValueError:
                shown = "has a value that does not fit" if spec.metadata["secret"] else f"is {text!r}"
                raise BadSetting(spec.metadata["variable"], shown, spec.metadata["expected"]) from None
        settings = cls(**values)
        settings._check_together()
        return settings

    def _check_together(self) -> None:
        if self.api_keys and not self.secret_key:
            raise BadSetting(
                "PRESSRUN_SECRET_KEY",
                "is not set, but PRESSRUN_API_KEYS is",
                "at least 32 random characters, the same for every process; where Pressrun ran here without API keys "
                f"before, the key in {self.secret_key_file}, with which webhook secrets are sealed",
            )
        if not self.api_keys and not is_loopback(self.listen_host):
            raise BadSetting(
                "PRESSRUN_HOST",
                f"is {self.host!r}, but without PRESSRUN_API_KEYS only this machine may connect",
                "127.0.0.1, ::1 or localhost; or set PRESSRUN_API_KEYS",
            )
        if self.metrics_ports is not None and self.api_keys and not self.operator_keys:
            raise BadSetting(
                "PRESSRUN_OPERATOR_KEYS",
                "is not set, but PRESSRUN_METRICS_PORT and PRESSRUN_API_KEYS are, so nobody could read the metrics",
                "keys of at least 16 ASCII characters with commas between",
            )
        if self.record_ttl < self.result_ttl:
            raise BadSetting(
                "PRESSRUN_RECORD_TTL",
                f"is {self.record_ttl}, less than PRESSRUN_RESULT_TTL ({self.result_ttl})",
                "at least PRESSRUN_RESULT_TTL",
            )

    @property
    def listen_host(self) -> str:
        """The address to listen on: as set, else all with API keys and loopback only without."""
        return self.host or ("0.0.0.0" if self.api_keys else "127.0.0.1")  # noqa: S104 (only with API keys)

    @property
    def base_url(self) -> str:
        """What absolute links start with, without a trailing slash."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def ws_url(self) -> str:
        """The URL of the WebSocket: as set, else on the public host or the notifier's port here."""
        if self.websocket_url:
            return self.websocket_url
        if self.public_url:
            return "ws" + self.public_url.removeprefix("http") + "/v1/ws"
        return f"ws://localhost:{self.notifier_port}/v1/ws"

    @property
    def artifacts(self) -> str:
        """The artifact store's URL; a directory below `data_dir` by default."""
        return self.artifacts_url or (self.data_dir.absolute() / "artifacts").as_uri()

    @property
    def secret_key_file(self) -> Path:
        """The file of the key that is made, and kept, if `secret_key` is not set."""
        return self.data_dir / "secret_key"

    def explained(self, environ: Mapping[str, str]) -> list[tuple[str, str, Source]]:
        """Returns rows for `pressrun config`: variable, value as text (secrets masked), source."""
        derived = {
            "host": self.listen_host,
            "redis_url": self.redis_url,
            "artifacts_url": self.artifacts,
            "secret_key": f"(in {self.secret_key_file}, not shown)",
            "public_url": self.base_url,
            "websocket_url": self.ws_url,
            "events_mb": f"{EVENTS_PERCENT} % of the store's maxmemory",
        }
        rows: list[tuple[str, str, Source]] = []
        for spec in dataclasses.fields(self):
            variable = spec.metadata["variable"]
            if environ.get(variable, "").strip():
                value = getattr(self, spec.name)
                shown = "(set, not shown)" if spec.metadata["secret"] else _shown(value)
                rows.append((variable, shown, "environment"))
            elif spec.name in derived:
                rows.append((variable, derived[spec.name], "derived"))
            else:
                rows.append((variable, _shown(getattr(self, spec.name)), "default"))
        return rows


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether `host` names this machine only: `localhost` or a loopback address literal."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
