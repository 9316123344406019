"""The AsyncAPI document against real frames: it describes every frame, as it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator
from websockets.asyncio.client import ClientConnection, connect

from api.app import build, create_app
from api.push import Push
from jobs.core.ids import new_job_id
from jobs.core.settings import LOCAL_TENANT
from jobs.core.tokens import Scope, Tokens
from jobs.store import keys
from notifier.protocol.session import SessionTiming
from notifier.transports.sessions import Sessions
from notifier.transports.sse import EventStreams
from testsupport.core import Core
from testsupport.waiting import DEADLINE_S
from testsupport.web_server import serving

PROGRESS = {"percent": 40, "stage": "layout", "page": 5}


class Conversation:
    """Sends and reads frames, and keeps all of them."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket
        self.sent: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []

    async def say(self, **frame: Any) -> None:
        self.sent.append(frame)
        await self._websocket.send(json.dumps(frame))

    async def hear(self, type: str, **members: Any) -> dict[str, Any]:
        """Reads until a frame of this type and with these members has come."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                frame: dict[str, Any] = json.loads(await self._websocket.recv())
                self.received.append(frame)
                if frame["type"] == "ping":
                    await self.say(type="pong")
                if frame["type"] == type and members.items() <= frame.items():
                    return frame


@pytest.fixture
async def core(redis: Any, redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path, PRESSRUN_SECRET_KEY="s" * 32)
    yield core
    await core.redis.aclose()


async def test_every_kind_of_frame_occurs_and_is_as_the_document_says(core: Core) -> None:
    services = build(core.settings).services
    timing = SessionTiming(ping_interval_s=3)
    sessions = Sessions(core.settings, services.tokens, services.hub, timing=timing)
    app = create_app(services, Push(sessions, EventStreams(services.hub)))
    batch = await core.submit_batch(b'{"input":{},"options":{}}', tenant=LOCAL_TENANT)
    async with serving(core.settings, app) as (port, server, _), aiohttp.ClientSession() as http:
        async with http.get(f"http://127.0.0.1:{port}/asyncapi.json") as answer:
            contract = await answer.json()
        async with connect(f"ws://127.0.0.1:{port}/v1/ws", compression=None) as websocket:
            talk = Conversation(websocket)
            await converse(talk, core, app.services.clock(), batch["job_ids"][0], batch["id"])
            server.should_exit = True
            await talk.hear("goaway")

    schemas = {message["name"]: message["payload"] for message in contract["components"]["messages"].values()}
    described = contract["channels"]["push"]["messages"]
    to_clients = {frame["type"] for frame in talk.received}
    from_clients = {frame["type"] for frame in talk.sent}
    assert to_clients | from_clients == set(schemas)
    assert len(described) == len(to_clients) + len(from_clients)
    by_direction = {"receive": {}, "send": {}}  # type: ignore[var-annotated]
    for operation in contract["operations"].values():
        for reference in operation["messages"]:
            name = reference["$ref"].rpartition("/")[2]
            message = contract["components"]["messages"][name]
            by_direction[operation["action"]][message["name"]] = message["payload"]
        for reference in operation.get("reply", {}).get("messages", []):
            message = contract["components"]["messages"][reference["$ref"].rpartition("/")[2]]
            by_direction["send"][message["name"]] = message["payload"]
    for direction, said in (("receive", talk.sent), ("send", talk.received)):
        for frame in said:
            Draft202012Validator({**contract, **by_direction[direction][frame["type"]]}).validate(frame)


async def converse(talk: Conversation, core: Core, now: float, job_id: str, batch_id: str) -> None:
    """Causes every kind of frame."""
    token, _ = Tokens(["s" * 32]).mint(LOCAL_TENANT, Scope(channel="jobs"), now, 60)
    await talk.say(type="auth", id=1, token=token)
    await talk.hear("welcome")
    await talk.say(type="subscribe", id=2, job_id=job_id)
    await talk.hear("subscribed", reply_to=2)
    filter = {"kinds": ["test"], "tags": [], "types": ["job.*", "progress"]}
    await talk.say(type="subscribe", id=3, channel="jobs", after="zzz.7", filter=filter)
    await talk.hear("reset")
    await talk.say(type="subscribe", id="four", batch_id=batch_id)
    assert (await talk.hear("subscribed", reply_to="four"))["snapshot"]["total"] == 1
    update = {"tenant": LOCAL_TENANT, "job_id": job_id, "claim": 1, "progress": PROGRESS}
    await core.redis.publish(keys.PROGRESS, json.dumps(update))
    await talk.hear("progress")
    await core.store.cancel(LOCAL_TENANT, job_id)
    while (await talk.hear("event", subscription="s3"))["event"]["type"] != "batch.completed":
        pass
    await talk.say(type="subscribe", id=5, job_id=new_job_id())
    await talk.hear("error")
    await talk.say(type="unsubscribe", id=6, subscription="s1")
    await talk.hear("unsubscribed")
    await talk.say(type="ping", id=7)
    await talk.hear("pong")
    await talk.hear("ping")
