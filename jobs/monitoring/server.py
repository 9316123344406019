"""Serves `GET /metrics` for processes that have no web server: worker and notifier."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import hmac
import http
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

import structlog

from jobs.core.http.forwarding import is_forwarding_header
from jobs.core.settings import METRICS_PORT_EXPECTED, BadSetting, Settings, is_loopback
from jobs.monitoring.exposition import Page
from jobs.process.http_bounds import DEFAULT_HTTP_BOUNDS, HttpBounds
from jobs.process.testsignal import TestSignal

log = structlog.get_logger(__name__)

PATH = "/metrics"
_TRY_AGAIN_S = 5.0
"""Between two tries while all ports are taken. After a restart, the process before may still be
draining."""
_MAX_CONNECTIONS = 16
"""At the same time. One Prometheus has one."""

Headers = Sequence[tuple[str, str]]


class MetricsServer:
    """Answers scrapes with what `page` returns for their `Accept` header.

    It takes one request a connection. The rules are those of `/metrics` of the web process: with
    API keys an operator key is needed, without only programs on this machine are answered.
    """

    def __init__(
        self,
        settings: Settings,
        page: Callable[[str], Awaitable[Page]],
        *,
        bounds: HttpBounds = DEFAULT_HTTP_BOUNDS,
        try_again_s: float = _TRY_AGAIN_S,
    ) -> None:
        self._settings = settings
        self._page = page
        self._bounds = bounds
        self._try_again_s = try_again_s
        self._operator_keys = [hashlib.sha256(key.encode()).digest() for key in settings.operator_keys]
        self._server: asyncio.Server | None = None
        self._trying: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self.refused: TestSignal[None] = TestSignal()
        """All ports were taken at one try."""
        self.listening: TestSignal[int] = TestSignal()

    @property
    def port(self) -> int | None:
        """The port on which it listens; None while it does not."""
        return None if self._server is None else int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listens on the first free port of PRESSRUN_METRICS_PORT; does nothing if that is not set.

        If all are taken, it says so, goes on without, and tries again: jobs must not wait for it.

        Raises:
            BadSetting: the system does not allow to listen there.
        """
        if self._settings.metrics_ports is None or await self._listen():
            return
        log.warning(
            "metrics.port_in_use",
            host=self._settings.listen_host,
            port=str(self._settings.metrics_ports),
            reason=(
                "Another program listens there, so this process has no metrics until it ends. If several "
                "processes run on this machine, set PRESSRUN_METRICS_PORT to a range such as 9464-9473: "
                "each takes the first port that is free."
            ),
        )
        self._trying = asyncio.get_running_loop().create_task(self._try_again())

    async def close(self) -> None:
        if self._trying is not None:
            self._trying.cancel()
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _try_again(self) -> None:
        while True:
            self.refused.emit(None)
            await asyncio.sleep(self._try_again_s)
            if await self._listen():
                return

    async def _listen(self) -> bool:
        host, ports = self._settings.listen_host, self._settings.metrics_ports
        assert ports is not None  # noqa: S101 (start has asked)
        for port in range(ports.first, ports.last + 1):
            try:
                self._server = await asyncio.start_server(
                    self._connected, host, port, limit=self._bounds.head_bytes
                )
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                reason = f"is {ports}, but {host} port {port} cannot be used ({error.strerror})"
                raise BadSetting("PRESSRUN_METRICS_PORT", reason, METRICS_PORT_EXPECTED) from error
            log.info("metrics.listening", host=host, port=self.port)
            self.listening.emit(port)
            return True
        return False

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._serving) >= _MAX_CONNECTIONS:
            return writer.transport.abort()
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._bounds.head_s):
                head = await reader.readuntil(b"\r\n\r\n")
            writer.write(await self._answer(head))
            async with asyncio.timeout(self._bounds.stalled_s):
                await writer.drain()
                writer.write_eof()
                await reader.read(1)  # until the client has closed, so that the answer arrives
        except asyncio.LimitOverrunError:
            writer.write(
                _answer(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")
            )
        except (asyncio.IncompleteReadError, OSError):  # the client has gone, or is too slow
            writer.transport.abort()
        except Exception:  # must not end the process
            log.exception("metrics.failed")
            writer.write(_answer(http.HTTPStatus.INTERNAL_SERVER_ERROR, "The log of this process says more."))
        finally:
            writer.close()

    async def _answer(self, head: bytes) -> bytes:
        try:
            method, target, headers = _parsed(head)
        except ValueError:
            return _answer(http.HTTPStatus.BAD_REQUEST, "This is not an HTTP/1.1 request.")
        if target.partition("?")[0] != PATH:
            return _answer(http.HTTPStatus.NOT_FOUND, f"Metrics are at {PATH}.")
        if method != "GET":
            return _answer(http.HTTPStatus.METHOD_NOT_ALLOWED, f"Use GET {PATH}.", ("allow", "GET"))
        if self._settings.api_keys:
            if not self._holds_operator_key(headers):
                text = "Send a key of PRESSRUN_OPERATOR_KEYS: `Authorization: Bearer …`."
                return _answer(http.HTTPStatus.UNAUTHORIZED, text, ("www-authenticate", "Bearer"))
        elif not _is_local(headers):
            text = "Without API keys, only programs on this machine are answered. Set PRESSRUN_API_KEYS."
            return _answer(http.HTTPStatus.FORBIDDEN, text)
        accept = ",".join(value for name, value in headers if name == "accept")
        page = await self._page(accept)
        return _response(http.HTTPStatus.OK, page.body, page.content_type)

    def _holds_operator_key(self, headers: Headers) -> bool:
        sent = [value for name, value in headers if name == "authorization"]
        scheme, _, key = sent[0].partition(" ") if len(sent) == 1 else ("", "", "")
        digest = hashlib.sha256(key.strip().encode()).digest()
        is_known = any(hmac.compare_digest(known, digest) for known in self._operator_keys)
        return is_known and scheme.lower() == "bearer"


def _is_local(headers: Headers) -> bool:
    """Whether the request is no proxy's, and of no page of another site.

    Only this machine can connect, but a browser on it may have such a page: see
    `api/access/local_only.py`.
    """
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) != 1 or any(name == "origin" or is_forwarding_header(name) for name, _ in headers):
        return False
    try:
        return is_loopback(urlsplit(f"//{hosts[0]}").hostname or "")
    except ValueError:
        return False


def _parsed(head: bytes) -> tuple[str, str, Headers]:
    """Returns method, target and headers with names in lower case. Raises ValueError."""
    request, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, version = request.split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(version)
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise ValueError(line)
        headers.append((name.lower(), value.strip()))
    return method, target, headers


def _answer(status: http.HTTPStatus, text: str, *headers: tuple[str, str]) -> bytes:
    return _response(status, f"{text}\n".encode(), "text/plain; charset=utf-8", *headers)


def _response(status: http.HTTPStatus, body: bytes, content_type: str, *headers: tuple[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {status.phrase}",
        f"content-type: {content_type}",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "connection: close",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
