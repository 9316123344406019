"""A client of the push protocol that does what the documentation asks and records what it sees."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from jobs.core.errors.store import StoreError
from jobs.core.job import TERMINAL
from testsupport.core import Core

_BACKOFF_S = 0.2


class PushClient:
    """Follows all jobs of a tenant, and connects again whenever the connection is lost.

    After a `reset` it lists the jobs. Job versions tell it what it knows already.
    """

    def __init__(self, url: Callable[[], str], core: Core, tenant: str, rng: random.Random) -> None:
        self.sequences: list[tuple[str, int]] = []
        """Epoch and sequence of every event, in the order of arrival."""
        self.ends: dict[str, list[int]] = {}
        """By job, the versions of terminal states, each once."""
        self.resets = 0
        self.connections = 0
        self._url = url
        self._core = core
        self._tenant = tenant
        self._rng = rng
        self._cursor: str | None = None

    async def run(self, began: Callable[[], None]) -> None:
        """Runs until it is cancelled. `began` is called after each subscription."""
        while True:
            try:
                async with connect(self._url(), compression=None, open_timeout=5) as websocket:
                    await self._converse(websocket, began)
            except (OSError, WebSocketException, TimeoutError):
                pass
            await asyncio.sleep(_BACKOFF_S * self._rng.random())

    async def _converse(self, websocket: ClientConnection, began: Callable[[], None]) -> None:
        asked = {"after": self._cursor} if self._cursor else {}
        await websocket.send(json.dumps({"type": "subscribe", "id": 1, "channel": "jobs", **asked}))
        async for message in websocket:
            frame = json.loads(message)
            match frame["type"]:
                case "subscribed":
                    self.connections += 1
                    self._cursor = self._cursor or frame["cursor"]
                    began()
                case "event":
                    self._cursor = frame["cursor"]
                    self._learn_event(frame)
                    if self._rng.random() < 0.02:  # busy with something else
                        await asyncio.sleep(0.2 * self._rng.random())
                case "reset":
                    self.resets += 1
                    self._cursor = frame["cursor"]
                    await self._list_jobs()
                case "ping":
                    self._cursor = frame["cursors"]["s1"]
                    await websocket.send('{"type":"pong"}')
                case "goaway":
                    await asyncio.sleep(frame["reconnect_in_ms"] / 1000)

    def _learn_event(self, frame: dict[str, Any]) -> None:
        epoch, _, sequence = frame["cursor"].partition(".")
        assert int(sequence) == frame["event"]["sequence"]
        self.sequences.append((epoch, int(sequence)))
        self._learn(frame["event"]["data"]["job"])

    def _learn(self, job: dict[str, Any]) -> None:
        known = self.ends.setdefault(job["id"], [])
        if job["status"] in TERMINAL and job["version"] not in known:
            known.append(job["version"])

    async def _list_jobs(self) -> None:
        cursor = None
        while True:
            try:
                page = await self._core.store.page(self._tenant, limit=100, cursor=cursor)
            except StoreError:
                await asyncio.sleep(_BACKOFF_S)
                continue
            for job in page.items:
                self._learn(job.document)
            cursor = page.next_cursor
            if cursor is None:
                return
