"""The proxy between a process and the store, with an echo server in the store's place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.chaos.proxy import Proxy
from testsupport.ports import free_port
from testsupport.waiting import DEADLINE_S, eventually


@pytest.fixture
def echoed() -> list[bytes]:
    """What has arrived behind the proxy."""
    return []


@pytest.fixture
async def proxy(echoed: list[bytes]) -> AsyncIterator[Proxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            echoed.append(piece)
            writer.write(piece)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy(free_port(), server.sockets[0].getsockname()[1])
    await proxy.start()
    yield proxy
    await proxy.close()
    server.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    @classmethod
    async def of(cls, proxy: Proxy) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", proxy.port))

    async def echoed(self, sent: bytes) -> bytes:
        self._writer.write(sent)
        async with asyncio.timeout(DEADLINE_S):
            return await self.reader.readexactly(len(sent))


async def test_bytes_pass_in_both_directions(proxy: Proxy) -> None:
    client = await Client.of(proxy)
    assert await client.echoed(b"one") == b"one"
    assert await client.echoed(b"two") == b"two"


async def test_a_reset_ends_what_is_there_and_lets_new_connections_in(proxy: Proxy) -> None:
    client = await Client.of(proxy)
    await client.echoed(b"here")
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await client.reader.read()
    assert await (await Client.of(proxy)).echoed(b"again") == b"again"


async def test_a_refusing_proxy_resets_and_refuses_until_the_end_of_the_block(proxy: Proxy) -> None:
    client = await Client.of(proxy)
    await client.echoed(b"here")
    async with proxy.refusing():
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        with pytest.raises(ConnectionRefusedError):
            await Client.of(proxy)
    assert await (await Client.of(proxy)).echoed(b"again") == b"again"


async def test_a_stalled_proxy_accepts_and_passes_the_bytes_on_later(proxy: Proxy) -> None:
    client = await Client.of(proxy)
    await client.echoed(b"here")
    with proxy.stalled():
        waiting = [
            asyncio.create_task(client.echoed(b"late")),
            asyncio.create_task((await Client.of(proxy)).echoed(b"new")),
        ]
        done, _ = await asyncio.wait(waiting, timeout=0.1)
        assert not done
    assert await asyncio.gather(*waiting) == [b"late", b"new"]


async def test_a_slowed_proxy_makes_every_piece_wait(proxy: Proxy) -> None:
    client = await Client.of(proxy)
    await client.echoed(b"here")
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    with proxy.slowed(latency_s=0.05, bytes_per_s=1000):
        assert await client.echoed(b"0123456789") == b"0123456789"
    assert loop.time() - started_at >= 2 * (0.05 + 0.01)


async def test_what_is_sent_arrives_while_answers_are_lost(proxy: Proxy, echoed: list[bytes]) -> None:
    client = await Client.of(proxy)
    await client.echoed(b"here")
    with proxy.losing_answers():
        waiting = asyncio.create_task(client.echoed(b"done"))
        await eventually(lambda: echoed == [b"here", b"done"])
    with pytest.raises(ConnectionResetError):
        await waiting
    assert await (await Client.of(proxy)).echoed(b"again") == b"again"


async def test_a_client_of_a_store_that_is_down_is_reset() -> None:
    proxy = Proxy(free_port(), free_port())
    await proxy.start()
    client = await Client.of(proxy)
    with pytest.raises(ConnectionResetError):
        await client.reader.read()
    await proxy.close()
