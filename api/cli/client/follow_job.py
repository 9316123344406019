"""Follows one job until it ends: over the WebSocket, or by long polls if that does not work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp

from api.cli.client.server import PATIENCE, Server, Unreachable

Job = dict[str, Any]
OnChange = Callable[[Job], None]
"""Called with the job after each change, progress included."""

TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
_WAIT_SECONDS = 25
_QUIET_SECONDS = 60
"""The server sends something every 25 s at least; after this much silence a connection is dead."""
_TRIES = 5


class _Broken(Exception):
    """The WebSocket cannot be used, or no longer."""


async def follow(server: Server, job: Job, on_change: OnChange) -> Job:
    """Returns the job when it is terminal. Calls `on_change` now and after every change."""
    on_change(job)
    if job["status"] in TERMINAL:
        return job
    try:
        return await _follow_live(server, job, on_change)
    except (_Broken, aiohttp.ClientError, TimeoutError, OSError):
        return await _follow_by_polling(server, job["id"], on_change)


async def _follow_live(server: Server, job: Job, on_change: OnChange) -> Job:
    if "subscription" in job:
        token, url = job["subscription"]["token"], job["links"]["websocket"]
    else:
        minted = await server.send("POST", "/v1/tokens", json={"job_id": job["id"]})
        token, url = minted["token"], minted["url"]
    async with (
        aiohttp.ClientSession(timeout=PATIENCE) as http,
        http.ws_connect(url, protocols=["pressrun.v1"]) as socket,
    ):
        await socket.send_json({"type": "auth", "token": token})
        await socket.send_json({"type": "subscribe", "job_id": job["id"]})
        while True:
            frame = await _next_frame(socket)
            match frame["type"]:
                case "subscribed":
                    job = frame["snapshot"]
                case "event":
                    job = frame["event"]["data"]["job"]
                case "progress":
                    job = {**job, "progress": frame["progress"]}
                case "ping":
                    await socket.send_json({"type": "pong"})
                    continue
                case "welcome":
                    continue
                case _:
                    raise _Broken(frame["type"])
            on_change(job)
            if job["status"] in TERMINAL:
                return job


async def _next_frame(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    message = await socket.receive(timeout=_QUIET_SECONDS)
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise _Broken(message.type.name)
    frame: dict[str, Any] = json.loads(message.data)
    return frame


async def _follow_by_polling(server: Server, job_id: str, on_change: OnChange) -> Job:
    tag, failures = "", 0
    while True:
        headers = {"If-None-Match": tag} if tag else {}
        wait = {"wait": str(_WAIT_SECONDS if tag else 0)}
        try:
            async with server.answered("GET", f"/v1/jobs/{job_id}", params=wait, headers=headers) as answer:
                job: Job | None = None if answer.status == 304 else await answer.json()
                tag = answer.headers.get("ETag", tag)
        except Unreachable:
            failures += 1
            if failures == _TRIES:
                raise
            await asyncio.sleep(2**failures / 4)
            continue
        failures = 0
        if job is not None:
            on_change(job)
            if job["status"] in TERMINAL:
                return job
