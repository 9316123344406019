"""What a client may do to the notifier with bytes, time and connections."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.error
import urllib.request

import pytest

from jobs.process.client_connections import ClientConnections
from jobs.process.http_bounds import HttpBounds
from tests.integration.push.test_websocket_server import CLOSED_TO_STRANGERS, ask, notifier_site
from testsupport.raw_client import RawClient
from testsupport.waiting import eventually

TIGHT = HttpBounds(head_bytes=4096, head_s=0.5, linger_s=5)
"""Bounds that a test reaches soon. Those of time are far below the deadlines of tests."""
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"a" * 5000, 431),
        (b"GET /v1/ws HTTP/1.1\r\nx: " + b"a" * 5000, 431),
        (b"GET /v1/ws HTTP/1.1\r\n" + b"a: b\r\n" * 200, 431),
        (b"GET /v1/ws HTTP/1.1\r\n" + b"a: b\r\n" * 50_000, 431),
        (b"nonsense\r\n\r\n", 400),
        (b"POST /v1/ws HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n" + b"x" * 2_000_000, 431),
        (b"POST /v1/ws HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2_000, 400),
    ],
)
async def test_a_request_beyond_the_bounds_is_refused(request_bytes: bytes, status: int) -> None:
    async with (
        notifier_site(CLOSED_TO_STRANGERS, bounds=TIGHT) as site,
        RawClient.connected(site.port) as client,
    ):
        await client.say(request_bytes)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert await client.rest() == b""


@pytest.mark.parametrize("begun", [b"", b"G", b"GET /v1/ws HTT", HEALTH[:-2]])
async def test_a_head_that_does_not_end_is_cut_off(begun: bytes) -> None:
    async with (
        notifier_site(CLOSED_TO_STRANGERS, bounds=TIGHT) as site,
        RawClient.connected(site.port) as client,
    ):
        await client.say(begun)
        await client.is_cut_off()


async def test_a_head_that_trickles_in_is_cut_off() -> None:
    async with (
        notifier_site(CLOSED_TO_STRANGERS, bounds=TIGHT) as site,
        RawClient.connected(site.port) as client,
    ):
        trickling = asyncio.create_task(client.trickle(b"GET /v1/ws?" + b"a" * 4000, 0.02))
        await client.is_cut_off()
        trickling.cancel()


async def test_a_websocket_outlives_the_time_for_a_head() -> None:
    async with contextlib.AsyncExitStack() as stack:
        site = await stack.enter_async_context(notifier_site(CLOSED_TO_STRANGERS, bounds=TIGHT))
        websocket = await site.client(stack)
        async with RawClient.connected(site.port) as silent:
            await silent.is_cut_off()
        assert (await ask(websocket, type="subscribe", channel="jobs"))["type"] == "subscribed"


async def test_connections_from_one_address_are_limited() -> None:
    clients = ClientConnections(1, 100, is_one_client=lambda _: True)
    async with notifier_site(CLOSED_TO_STRANGERS, clients=clients) as site:
        async with contextlib.AsyncExitStack() as stack:
            await site.client(stack)
            for _ in range(3):
                async with RawClient.connected(site.port) as refused:
                    assert (await refused.answer()).status == 429
                    assert await refused.rest() == b""
        await eventually(lambda: clients.open == 0)
        async with RawClient.connected(site.port) as again:
            await again.say(HEALTH)
            assert (await again.answer()).status == 200


async def test_a_full_process_says_so() -> None:
    async with (
        notifier_site(CLOSED_TO_STRANGERS, clients=ClientConnections(9, 1)) as site,
        RawClient.connected(site.port),
        RawClient.connected(site.port) as second,
    ):
        assert (await second.answer()).status == 503


async def test_an_answer_arrives_at_a_client_that_sends_first_and_reads_later() -> None:
    async with notifier_site(CLOSED_TO_STRANGERS) as site:
        for path in ["/v1/ws", "/healthz", "/nothing"] * 7:
            with pytest.raises(urllib.error.HTTPError) as refused:
                await asyncio.to_thread(
                    urllib.request.urlopen, f"http://127.0.0.1:{site.port}{path}", b"x" * 11_000_000, 60
                )
            assert refused.value.code in (400, 431)
            refused.value.close()
