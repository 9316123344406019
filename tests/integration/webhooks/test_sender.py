"""Exchanges with receivers that misbehave: each ends by the deadline, and its error is named."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from jobs.core.egress import Address, EgressPolicy
from jobs.webhooks.destination import Destinations, Lookup
from notifier.webhooks.connector import verifying_context
from notifier.webhooks.exchange import Exchange
from notifier.webhooks.sender import MAX_ANSWER_BYTES, Sender, WebhookRequest
from testsupport.certificates import certificate
from testsupport.hooks import LOOPBACK, Receiver

PATIENCE_S = 10.0
"""The deadline of receivers that will answer."""
IMPATIENCE_S = 0.5
"""The deadline of those that will not."""
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender(Destinations(LOOPBACK))
    yield sender
    await sender.close()


@contextlib.asynccontextmanager
async def raw(speak: Speak) -> AsyncIterator[str]:
    """A server that says what `speak` says, once the request has begun to come."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await speak(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()


async def send(sender: Sender, url: str, deadline_s: float = PATIENCE_S) -> Exchange:
    request = WebhookRequest(url, b'{"a":1}', {"content-type": "application/json"})
    async with asyncio.timeout(deadline_s + 5):
        return await sender.send(request, deadline_s)


async def say(writer: asyncio.StreamWriter, text: bytes) -> None:
    writer.write(text)
    await writer.drain()


async def test_a_good_exchange_is_timed_by_phase(sender: Sender, receiver: Receiver) -> None:
    first = await send(sender, receiver.url)
    assert (first.outcome, first.status, first.address) == ("succeeded", 200, "127.0.0.1")
    assert {"connect", "first_byte", "body"} <= set(first.phases_ms)
    again = await send(sender, receiver.url)
    assert again.is_reused
    assert "connect" not in again.phases_ms


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_failures_and_not_followed(
    sender: Sender, receiver: Receiver, status: int
) -> None:
    receiver.status, receiver.headers = status, {"location": "/elsewhere"}
    assert (await send(sender, receiver.url)).error == "redirect"
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (201, "succeeded"),
        (204, "succeeded"),
        (400, "failed"),
        (410, "gone"),
        (429, "failed"),
        (502, "failed"),
        (504, "failed"),
    ],
)
async def test_only_2xx_is_success_and_410_is_final(
    sender: Sender, receiver: Receiver, status: int, outcome: str
) -> None:
    receiver.status = status
    assert (await send(sender, receiver.url)).outcome == outcome


async def test_retry_after_is_read_from_seconds_and_dates(sender: Sender, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 429, {"retry-after": "120"}
    assert (await send(sender, receiver.url)).retry_after_ms == 120_000


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def informational_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await say(writer, b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
        await asyncio.sleep(0.01)


async def headers_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await say(writer, b"HTTP/1.1 200 OK\r\n")
    while True:
        await say(writer, b"x-a: b\r\n" * 100)


async def a_header_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await say(writer, b"HTTP/1.1 200 OK\r\nx-a: ")
    while True:
        await say(writer, b"b" * 10_000)


async def dripping_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await say(writer, b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        await say(writer, b".")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("speak", "errors"),
    [
        (silence, {"timeout"}),
        (informational_for_ever, {"timeout"}),
        (headers_for_ever, {"invalid_answer", "timeout"}),
        (a_header_for_ever, {"invalid_answer", "timeout"}),
        (dripping_body, {"timeout"}),
    ],
)
async def test_a_receiver_that_misbehaves_fails_by_the_deadline(
    sender: Sender, speak: Speak, errors: set[str]
) -> None:
    async with raw(speak) as url:
        exchange = await send(sender, url, IMPATIENCE_S if "timeout" in errors else PATIENCE_S)
    assert exchange.error in errors
    assert exchange.outcome == "failed"
    assert exchange.message


async def test_an_endless_body_is_cut_and_a_2xx_before_it_counts(sender: Sender) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(writer, b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await say(writer, b"x" * 65_536)

    async with raw(endless) as url:
        exchange = await send(sender, url)
    assert exchange.outcome == "succeeded"
    assert exchange.answer is not None
    assert len(exchange.answer) < 2 * MAX_ANSWER_BYTES + 300_000


async def test_compressed_answers_stay_compressed(sender: Sender, receiver: Receiver) -> None:
    bomb = zlib.compress(b"\0" * 50_000_000, wbits=31)

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"content-encoding": "gzip"})

    receiver.answer = answer
    exchange = await send(sender, receiver.url)
    assert exchange.answer is not None
    assert exchange.answer == bomb[: len(exchange.answer)]


async def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    sender = Sender(Destinations(LOOPBACK))
    assert (await send(sender, receiver.url)).outcome == "succeeded"
    await sender.close()


# --- addresses ------------------------------------------------------------------------------------


def resolving(*answers: list[str] | OSError, asked: list[str] | None = None) -> Lookup:
    """Returns a lookup with these answers, in turn; appends the names it gets to `asked`."""
    left = list(answers)

    def lookup(host: str, port: int) -> list[Address]:
        if asked is not None:
            asked.append(host)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, OSError):
            raise answer
        return [ipaddress.ip_address(each) for each in answer]

    return lookup


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/", "https://[::1]/", "https://2130706433/", "https://169.254.169.254/", "ftp://x/"],
)
async def test_addresses_that_are_not_allowed_are_never_connected_to(url: str) -> None:
    sender = Sender(Destinations(EgressPolicy()))
    exchange = await send(sender, url)
    await sender.close()
    assert (exchange.error, exchange.outcome) == ("address_refused", "failed")


async def test_a_name_with_one_private_address_is_refused() -> None:
    sender = Sender(Destinations(EgressPolicy(), lookup=resolving(["93.184.215.14", "10.0.0.1"])))
    exchange = await send(sender, "https://rebind.example/")
    await sender.close()
    assert exchange.error == "address_refused"
    assert exchange.message == "rebind.example is not allowed. PRESSRUN_EGRESS_ALLOW can allow it."


async def test_a_name_that_rebinds_is_judged_where_it_is_connected(receiver: Receiver) -> None:
    """The second answer of the resolver never matters: there is no second question."""
    port = receiver.url.split(":")[2].split("/")[0]
    asked: list[str] = []
    lookup = resolving(["127.0.0.1"], ["169.254.169.254"], asked=asked)
    sender = Sender(Destinations(LOOPBACK, lookup=lookup))
    exchange = await send(sender, f"http://rebind.example:{port}/hook")
    await sender.close()
    assert (exchange.outcome, exchange.address, asked) == ("succeeded", "127.0.0.1", ["rebind.example"])


async def test_an_answer_of_fifty_addresses_ends_by_the_deadline(closed_port: int) -> None:
    lookup = resolving([f"127.0.1.{n}" for n in range(1, 51)])
    sender = Sender(Destinations(LOOPBACK, lookup=lookup))
    exchange = await send(sender, f"http://many.example:{closed_port}/", IMPATIENCE_S)
    await sender.close()
    assert exchange.error in ("connect_failed", "timeout")


@pytest.mark.parametrize(
    ("code", "is_fault"), [(socket.EAI_AGAIN, True), (socket.EAI_FAIL, True), (socket.EAI_NONAME, False)]
)
async def test_a_resolver_of_ours_that_fails_is_our_fault_and_a_missing_name_is_not(
    code: int, is_fault: bool
) -> None:
    sender = Sender(Destinations(EgressPolicy(), lookup=resolving(socket.gaierror(code, "no"))))
    exchange = await send(sender, "https://nowhere.example/")
    await sender.close()
    assert (exchange.error, exchange.is_fault) == ("dns_failed", is_fault)


async def test_a_resolver_that_does_not_answer_is_our_fault() -> None:
    answer = threading.Event()

    def lookup(host: str, port: int) -> list[Address]:
        answer.wait(60)
        return []

    sender = Sender(Destinations(EgressPolicy(), lookup=lookup, resolve_timeout_s=0.1))
    exchange = await send(sender, "https://slow.example/")
    answer.set()
    await sender.close()
    assert (exchange.error, exchange.is_fault) == ("dns_failed", True)


# --- TLS ------------------------------------------------------------------------------------------


async def send_trusting(directory: Path, url: str) -> Exchange:
    context = verifying_context()
    context.load_verify_locations(directory / "cert.pem")
    sender = Sender(Destinations(LOOPBACK), context)
    exchange = await send(sender, url)
    await sender.close()
    return exchange


async def test_a_good_certificate_is_described_and_its_handshake_timed(tmp_path: Path) -> None:
    async with Receiver.listening(certificate(tmp_path, "127.0.0.1", 10)) as receiver:
        exchange = await send_trusting(tmp_path, receiver.url)
    assert exchange.outcome == "succeeded"
    assert exchange.tls is not None
    assert exchange.tls["version"].startswith("TLSv1.")
    assert exchange.tls["expires_at"] is not None
    assert {"connect", "tls"} <= set(exchange.phases_ms)


@pytest.mark.parametrize(
    ("name", "days", "says"), [("other.example", 10, "not valid for"), ("127.0.0.1", -1, "expired")]
)
async def test_a_certificate_that_is_wrong_or_over_is_named(
    tmp_path: Path, name: str, days: int, says: str
) -> None:
    async with Receiver.listening(certificate(tmp_path, name, days)) as receiver:
        exchange = await send_trusting(tmp_path, receiver.url)
    assert exchange.error == "tls_certificate"
    assert says in (exchange.message or "")
    assert receiver.requests == []


async def test_a_certificate_nobody_vouches_for_is_refused(sender: Sender, tmp_path: Path) -> None:
    async with Receiver.listening(certificate(tmp_path, "127.0.0.1", 10)) as receiver:
        assert (await send(sender, receiver.url)).error == "tls_certificate"
