from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from jobs.core.settings import Settings
from jobs.store.client import connect
from jobs.store.connection import DedicatedConnection
from testsupport.waiting import DEADLINE_S


@pytest.fixture
def connection(redis: Redis) -> DedicatedConnection:
    return DedicatedConnection(redis)


async def test_answers_come_in_the_order_of_the_commands(connection: DedicatedConnection) -> None:
    assert await connection.ask(("SET", "a", 1), ("GET", "a"), ("GET", "b")) == [b"OK", b"1", None]


async def test_an_error_answers_only_the_command_that_caused_it(connection: DedicatedConnection) -> None:
    first, refused, last = await connection.ask(("PING",), ("GET",), ("PING",))
    assert (first, last) == (b"PONG", b"PONG")
    assert isinstance(refused, ResponseError)


async def test_calls_share_one_connection(connection: DedicatedConnection) -> None:
    ids = {(await connection.ask(("CLIENT ID",)))[0] for _ in range(3)}
    assert len(ids) == 1


async def test_a_lost_connection_is_replaced_silently_by_default(
    connection: DedicatedConnection, redis: Redis
) -> None:
    [before] = await connection.ask(("CLIENT ID",))
    await redis.client_kill_filter(_id=before)
    [after] = await connection.ask(("CLIENT ID",))
    assert after != before


async def test_a_lost_connection_is_reported_if_losses_are_not_hidden(redis: Redis) -> None:
    connection = DedicatedConnection(redis, hides_losses=False)
    [before] = await connection.ask(("CLIENT ID",))
    await redis.client_kill_filter(_id=before)
    with pytest.raises(RedisConnectionError):
        await connection.ask(("CLIENT ID",))
    [after] = await connection.ask(("CLIENT ID",))
    assert after != before


async def test_a_cancelled_call_does_not_leave_its_answer_to_the_next_call(
    connection: DedicatedConnection, redis: Redis
) -> None:
    await connection.ask(("PING",))
    waiting = asyncio.create_task(connection.ask(("BLPOP", "nothing", 30)))
    async with asyncio.timeout(DEADLINE_S):
        while not any(client["cmd"] == "blpop" for client in await redis.client_list()):
            pass
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await connection.ask(("ECHO", "x")) == [b"x"]


async def test_an_unreachable_store_is_an_error() -> None:
    unreachable = connect(Settings.from_env({"REDIS_URL": "redis://127.0.0.1:1"}))
    with pytest.raises(RedisConnectionError):
        await DedicatedConnection(unreachable).ask(("PING",))


async def test_a_transport_that_closes_during_a_write_counts_as_a_lost_connection(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(Settings.from_env({"REDIS_URL": redis_url}))
    connection = await client.connection_pool.get_connection()

    def raise_closed(writer: asyncio.StreamWriter, parts: Iterable[bytes]) -> None:
        raise RuntimeError("the handler is closed")  # what uvloop raises

    monkeypatch.setattr(asyncio.StreamWriter, "writelines", raise_closed)
    with pytest.raises(RedisConnectionError, match="handler is closed"):
        await connection.send_command("PING")
    assert not connection.is_connected
    await client.aclose()


async def test_the_error_of_a_single_command_is_raised(connection: DedicatedConnection) -> None:
    assert await connection.call("ECHO", "x") == b"x"
    with pytest.raises(ResponseError, match="unknown command"):
        await connection.call("NONSENSE")
    assert await connection.call("ECHO", "y") == b"y"
