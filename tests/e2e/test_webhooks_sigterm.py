"""Processes that are told to stop in the midst of a delivery."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from redis.asyncio import Redis

from jobs.store import keys
from testsupport.deployment import Deployment
from testsupport.hooks import Receiver
from testsupport.waiting import DEADLINE_S, eventually

WEB, NOTIFIER = 0, 1


class SlowReceiver(Receiver):
    """Answers when a test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()
        self.answer = self._answer

    async def _answer(self, request: web.Request) -> web.Response:
        await self.may_answer.wait()
        return web.Response()


@pytest.fixture
async def receiver() -> AsyncIterator[SlowReceiver]:
    async with SlowReceiver.listening() as receiver:
        yield receiver


@pytest.fixture
async def running(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    settings = {"PRESSRUN_EGRESS_ALLOW": "127.0.0.1", "PRESSRUN_DRAIN_SECONDS": "2"}
    async with Deployment.running(redis_url, tmp_path, ("api", "notifier"), **settings) as deployment:
        yield deployment


async def register(running: Deployment, url: str) -> str:
    body = {"url": url, "event_types": ["job.queued"]}
    async with running.http.post(f"{running.url}/v1/webhook-endpoints", json=body) as answer:
        return str((await answer.json())["id"])


async def deliveries(running: Deployment, endpoint_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await running.get(f"/v1/webhook-endpoints/{endpoint_id}/deliveries"))[
        "items"
    ]
    return items


async def stop(running: Deployment, number: int, receiver: SlowReceiver | None = None) -> int:
    """Sends SIGTERM, and returns the exit status. `receiver` answers when the process drains."""
    _, process = running.processes[number]
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(DEADLINE_S):
        if receiver is not None:
            await eventually(lambda: refuses((running.port, running.notifier_port)[number]))
            receiver.may_answer.set()
        return await process.wait()


async def refuses(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_a_notifier_that_stops_finishes_its_requests_first(
    running: Deployment, receiver: SlowReceiver
) -> None:
    endpoint_id = await register(running, receiver.url)
    await running.submit("<p>Hello</p>")
    await receiver.got(1)
    assert await stop(running, NOTIFIER, receiver) == 0
    (delivery,) = await deliveries(running, endpoint_id)
    assert delivery["status"] == "succeeded"
    assert len(receiver.requests) == len(delivery["attempts"]) == 1


async def test_a_request_that_outlasts_the_drain_is_listed_and_sent_again_by_another_notifier(
    running: Deployment, receiver: SlowReceiver, redis: Redis
) -> None:
    endpoint_id = await register(running, receiver.url)
    await running.submit("<p>Hello</p>")
    await receiver.got(1)
    assert await stop(running, NOTIFIER) == 0
    receiver.may_answer.set()
    await running.start("notifier")
    (delivery,) = await deliveries(running, endpoint_id)
    await redis.zadd(keys.WEBHOOK_LEASES, {delivery["id"]: 1})  # as if 25 seconds had passed

    async def is_done() -> bool:
        return (await deliveries(running, endpoint_id))[0]["status"] == "succeeded"

    await eventually(is_done)
    (delivery,) = await deliveries(running, endpoint_id)
    assert [attempt.get("error") for attempt in delivery["attempts"]] == ["interrupted", None]
    assert len(receiver.requests) == 2
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


async def test_a_web_process_that_stops_answers_a_test_that_is_under_way(
    running: Deployment, receiver: SlowReceiver
) -> None:
    endpoint_id = await register(running, receiver.url)
    testing = asyncio.create_task(running.http.post(f"{running.url}/v1/webhook-endpoints/{endpoint_id}/test"))
    await receiver.got(1)
    status = await stop(running, WEB, receiver)
    async with await testing as answer:
        assert (await answer.json())["verdict"] == "ok"
    assert status == 0
    assert len(receiver.requests) == 1
