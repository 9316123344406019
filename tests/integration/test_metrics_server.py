"""The port on which worker and notifier answer Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from jobs.core.settings import ApiKey, BadSetting, PortRange, Settings
from jobs.monitoring.exposition import Page
from jobs.monitoring.server import MetricsServer
from jobs.process.http_bounds import HttpBounds
from testsupport.ports import free_port

OPERATOR_KEY = "operator-key-of-this-test"
CLOSED: dict[str, Any] = {
    "host": "127.0.0.1",
    "api_keys": (ApiKey("acme", "an-api-key-of-this-test"),),
    "operator_keys": (OPERATOR_KEY,),
    "secret_key": ("s" * 32,),
}
ANY = PortRange(0, 0)


async def page(accept: str) -> Page:
    return Page(f"for {accept}".encode(), "text/plain; version=0.0.4")


@asynccontextmanager
async def serving(
    ports: PortRange | None = ANY, bounds: HttpBounds | None = None, **settings: Any
) -> AsyncIterator[MetricsServer]:
    server = MetricsServer(
        Settings(metrics_ports=ports, **settings), page, bounds=bounds or HttpBounds(), try_again_s=0.01
    )
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


async def get(
    server: MetricsServer, path: str = "/metrics", method: str = "GET", **headers: str
) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, f"http://localhost:{server.port}{path}", headers=headers) as answer,
    ):
        return answer.status, await answer.text()


async def raw(server: MetricsServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(request)
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


async def test_a_scrape_is_answered_in_the_format_that_it_accepts() -> None:
    async with serving() as server:
        assert await get(server, accept="application/openmetrics-text") == (
            200,
            "for application/openmetrics-text",
        )


async def test_without_a_port_nothing_listens() -> None:
    async with serving(None) as server:
        assert server.port is None


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "GET", 404),
        ("/metrics/", "GET", 404),
        ("/metrics", "POST", 405),
        ("/metrics?name=value", "GET", 200),
    ],
)
async def test_other_requests_are_told_where_metrics_are(path: str, method: str, status: int) -> None:
    async with serving() as server:
        found, text = await get(server, path, method)
        assert found == status
        assert "/metrics" in text or status == 200


async def test_with_api_keys_only_an_operator_key_reads() -> None:
    async with serving(**CLOSED) as server:
        assert (await get(server, authorization=f"Bearer {OPERATOR_KEY}"))[0] == 200
        for wrong in (
            "Bearer an-api-key-of-this-test",
            f"Basic {OPERATOR_KEY}",
            f"Bearer {OPERATOR_KEY}x",
            "",
        ):
            status, text = await get(server, authorization=wrong)
            assert status == 401
            assert "PRESSRUN_OPERATOR_KEYS" in text
        assert (await get(server))[0] == 401


@pytest.mark.parametrize(
    "header",
    [
        {"host": "pdf.attacker.test"},
        {"host": "[::1"},
        {"origin": "http://attacker.test"},
        {"x-forwarded-for": "203.0.113.9"},
    ],
)
async def test_without_api_keys_pages_and_proxies_are_refused(header: dict[str, str]) -> None:
    async with serving() as server:
        status, text = await get(server, **header)
        assert status == 403
        assert "this machine" in text


@pytest.mark.parametrize(
    "request_bytes",
    [b"nonsense\r\n\r\n", b"GET /metrics SPDY/3\r\n\r\n", b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n"],
)
async def test_what_is_no_request_is_refused(request_bytes: bytes) -> None:
    async with serving() as server:
        assert (await raw(server, request_bytes)).startswith(b"HTTP/1.1 400 ")


async def test_a_head_without_end_is_bounded_in_bytes_and_time() -> None:
    async with serving(bounds=HttpBounds(head_bytes=1000, head_s=0.05)) as server:
        assert (await raw(server, b"GET /metrics HTTP/1.1\r\nx: " + b"y" * 2000)).startswith(b"HTTP/1.1 431 ")
        assert await raw(server, b"GET /metrics HTTP/1.1\r\n") == b"", "closed after head_s"


async def test_idle_clients_above_a_limit_are_closed_at_once() -> None:
    async with serving() as server, contextlib.AsyncExitStack() as stack:
        clients = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
        for _, writer in clients:
            stack.callback(writer.close)
        for reader, _ in clients[16:]:
            with contextlib.suppress(ConnectionResetError):
                async with asyncio.timeout(30):
                    assert await reader.read() == b""
        clients[0][1].write(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert (await clients[0][0].readline()).startswith(b"HTTP/1.1 200 ")


async def test_each_process_takes_the_first_free_port_of_a_range() -> None:
    with taken_port() as first:
        async with serving(PortRange(first, first + 20)) as one, serving(PortRange(first, first + 20)) as two:
            assert one.port is not None
            assert two.port is not None
            assert first < one.port < two.port


async def test_a_port_in_use_is_said_and_taken_when_it_is_free() -> None:
    with taken_port() as port, capture_logs() as logs:
        server = MetricsServer(Settings(metrics_ports=PortRange(port, port)), page, try_again_s=0.01)
        server.refused.watch()
        await server.start()
        await server.refused.next()
    try:
        (line,) = [line for line in logs if line["event"] == "metrics.port_in_use"]
        assert line["port"] == str(port)
        assert "PRESSRUN_METRICS_PORT" in line["reason"]
        server.listening.watch()
        assert (server.port or await server.listening.next()) == port
        assert (await get(server))[0] == 200
    finally:
        await server.close()


async def test_a_port_that_cannot_be_used_is_a_bad_setting() -> None:
    closed = {**CLOSED, "host": "192.0.2.1"}  # an address that this machine does not have (RFC 5737)
    port = free_port()
    with pytest.raises(
        BadSetting, match=f"PRESSRUN_METRICS_PORT is {port}, but 192.0.2.1 port {port} cannot"
    ):
        async with serving(PortRange(port, port), **closed):
            pass
