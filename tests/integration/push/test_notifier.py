"""The notifier process against a real store: from a job's change to a client's socket."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from jobs.core.job import Job, Progress, Result
from jobs.core.settings import LOCAL_TENANT
from jobs.core.tokens import Scope, Tokens
from jobs.kinds import Run
from jobs.store.events.event_tail import Tail
from notifier.fanout.hub import Hub
from notifier.protocol.session import Session
from testsupport.core import Core
from testsupport.notifier_process import NotifierProcess
from testsupport.push_fakes import NoLimits
from testsupport.valkey import FaultyValkey
from testsupport.waiting import DEADLINE_S

SECRET = "s" * 32
TOKENS = Tokens([SECRET])


async def receive(websocket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE_S):
        frame = json.loads(await websocket.recv())
    assert isinstance(frame, dict)
    return frame


async def ask(websocket: ClientConnection, **frame: Any) -> dict[str, Any]:
    await websocket.send(json.dumps(frame))
    return await receive(websocket)


@pytest.fixture
async def core(own_valkey: FaultyValkey, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(own_valkey.url, tmp_path)
    yield core
    await core.redis.aclose()


@pytest.fixture
async def notifier(own_valkey: FaultyValkey, tmp_path: Path) -> AsyncIterator[NotifierProcess]:
    async with NotifierProcess(REDIS_URL=own_valkey.url, PRESSRUN_DATA_DIR=str(tmp_path)) as notifier:
        yield notifier


async def test_a_client_sees_all_of_a_jobs_life(core: Core, notifier: NotifierProcess) -> None:
    watched = asyncio.Event()

    async def render(run: Run) -> Result:
        while not watched.is_set():  # progress may get lost; there is more to come
            run.report(Progress(40, "layout", 5))
            await asyncio.sleep(0.05)
        return Result(body=b"%PDF", content_type="application/pdf", filename="a.pdf")

    job = await core.submit(tenant=LOCAL_TENANT)
    events, progress = [], []
    async with notifier.client() as websocket:
        subscribed = await ask(websocket, type="subscribe", id=1, job_id=job.id)
        async with core.worker({"test": render}):
            while len(events) < 2:
                frame = await receive(websocket)
                if frame["type"] == "progress":
                    progress.append(frame["progress"])
                    watched.set()
                else:
                    events.append(frame["event"])

    assert subscribed["snapshot"]["status"] == "queued"
    assert [event["type"] for event in events] == ["job.started", "job.succeeded"]
    assert {"percent": 40, "stage": "layout", "page": 5} in progress
    assert events == [json.loads(body) for body in await core.log.of_job(LOCAL_TENANT, job.id)][1:]


async def test_with_api_keys_a_token_opens_the_job_it_was_minted_for(
    core: Core, own_valkey: FaultyValkey, tmp_path: Path
) -> None:
    mine, other = await core.submit(), await core.submit()
    token, _ = TOKENS.mint("acme", Scope(job_id=mine.id), time.time(), 60)
    settings = {"PRESSRUN_API_KEYS": "acme:0123456789abcdef", "PRESSRUN_SECRET_KEY": SECRET}
    async with (
        NotifierProcess(REDIS_URL=own_valkey.url, PRESSRUN_DATA_DIR=str(tmp_path), **settings) as notifier,
        notifier.client() as websocket,
    ):
        await ask(websocket, type="auth", token=token)
        assert (await ask(websocket, type="subscribe", job_id=mine.id))["type"] == "subscribed"
        assert (await ask(websocket, type="subscribe", job_id=other.id))["code"] == "forbidden"


async def test_clients_may_connect_before_the_store_is_there(
    core: Core, own_valkey: FaultyValkey, tmp_path: Path
) -> None:
    job = await core.submit(tenant=LOCAL_TENANT)
    own_valkey.stop()
    async with (
        NotifierProcess(REDIS_URL=own_valkey.url, PRESSRUN_DATA_DIR=str(tmp_path)) as notifier,
        notifier.client() as websocket,
    ):
        await websocket.send(json.dumps({"type": "subscribe", "job_id": job.id}))
        assert await ask(websocket, type="ping", id=1) == {"type": "pong", "reply_to": 1}
        own_valkey.start()
        assert (await receive(websocket))["snapshot"]["id"] == job.id


async def test_no_event_is_lost_when_the_store_restarts(
    core: Core, own_valkey: FaultyValkey, notifier: NotifierProcess
) -> None:
    job = await core.submit(tenant=LOCAL_TENANT)
    async with notifier.client() as websocket:
        await ask(websocket, type="subscribe", job_id=job.id)

        own_valkey.kill()
        own_valkey.start()
        await core.store.cancel(LOCAL_TENANT, job.id)

        assert (await receive(websocket))["event"]["type"] == "job.cancelled"


async def test_on_sigterm_clients_are_disconnected_and_the_process_exits_cleanly(
    notifier: NotifierProcess,
) -> None:
    async with notifier.client() as websocket:
        await ask(websocket, type="ping")
        notifier.process.send_signal(signal.SIGTERM)

        assert (await receive(websocket))["type"] == "goaway"
        with pytest.raises(ConnectionClosed):
            await receive(websocket)
        assert websocket.close_code == 1012
    status, said = await notifier.ended()
    assert status == 0, said
    assert "Traceback" not in said


async def test_the_process_stops_while_the_store_is_away(
    own_valkey: FaultyValkey, notifier: NotifierProcess
) -> None:
    own_valkey.stop()
    async with notifier.client():
        pass

    notifier.process.send_signal(signal.SIGTERM)

    assert (await notifier.ended())[0] == 0


async def test_a_bad_setting_is_named_and_ends_the_process_with_status_2(tmp_path: Path) -> None:
    async with NotifierProcess(PRESSRUN_DATA_DIR=str(tmp_path), PRESSRUN_LOG_LEVEL="loud") as notifier:
        status, said = await notifier.ended()

    assert status == 2
    assert "PRESSRUN_LOG_LEVEL" in said
    assert "Traceback" not in said


class LocalClient:
    """A session without a socket, which keeps its frames."""

    def __init__(self, hub: Hub, tenant: str) -> None:
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.session = Session(
            verify=TOKENS.verify, fanout=hub, wake=self._take, now=time.time(), tenant=tenant
        )

    def _take(self) -> None:
        while (frame := self.session.next_frame()) is not None:
            self.frames.put_nowait(json.loads(frame))

    async def follow(self, job: Job) -> None:
        self.session.receive(json.dumps({"type": "subscribe", "job_id": job.id}), time.time())
        assert (await self.next())["type"] == "subscribed"

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE_S):
            return await self.frames.get()


async def test_a_new_subscription_ends_the_rest_of_a_tail_without_followers(core: Core) -> None:
    hub = Hub(core.store, core.log, NoLimits())
    tail = Tail(
        core.redis,
        on_event=hub.on_event,
        on_progress=hub.on_progress,
        on_gap=hub.on_gap,
        followers=hub.followers,
        rest_s=3_600,
    )
    tail.resting.watch()
    tasks = [asyncio.create_task(tail.run()), asyncio.create_task(hub.run(tail.ready))]
    job = await core.submit()
    await tail.resting.next()

    client = LocalClient(hub, "acme")
    await client.follow(job)
    await core.store.cancel("acme", job.id)

    assert (await client.next())["event"]["type"] == "job.cancelled"
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_events_trimmed_from_the_bus_before_they_were_read_come_from_the_log(core: Core) -> None:
    hub = Hub(core.store, core.log, NoLimits())
    tail = Tail(core.redis, on_event=hub.on_event, on_progress=hub.on_progress, on_gap=hub.on_gap)
    serving = asyncio.create_task(hub.run(tail.ready))
    reading = asyncio.create_task(tail.run())
    client = LocalClient(hub, "acme")
    missed, later = await core.submit(), await core.submit()
    await client.follow(missed)
    await client.follow(later)

    reading.cancel()
    await asyncio.wait([reading])
    await core.store.cancel("acme", missed.id)
    await core.redis.xtrim("pr:bus", maxlen=0)
    reading = asyncio.create_task(tail.run())
    event = await client.next()
    await core.store.cancel("acme", later.id)
    live = await client.next()

    assert event["event"] == json.loads((await core.log.of_job("acme", missed.id))[-1])
    assert live["event"]["data"]["job"]["id"] == later.id
    for task in (serving, reading):
        task.cancel()
    await asyncio.wait([serving, reading])
