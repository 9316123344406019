"""Readers of events: over WebSockets, as server-sent events, and page by page. Each notes what it
gets, and goes on from its cursor after each break."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.chaos.load.client import Answer, Client
from tests.chaos.load.knowledge import TERMINAL, Knowledge
from tests.chaos.observations import (
    EventSeen,
    JobSeen,
    Left,
    LogRead,
    Progressed,
    Received,
    Subscribed,
    WasReset,
    digest_of,
)

_SILENCE_S = 35
"""The notifier pings every 25 s, and a stream beats every 15 s: after a longer silence the
connection is dead."""
_SHORTEST_S, _LONGEST_S = 3, 60
"""After a time between these, a reader leaves by itself and comes back."""
_PAUSE_S = 1.5
"""The longest pause before a reader connects again."""
_PAGE_PAUSE_S = 0.5
_VISIT_S = 4
_FOLLOWED_S = 100
_KEPT_CURSORS = 1000


class Reader:
    """What all readers of a tenant's log share: a name, a cursor, and notes."""

    def __init__(self, client: Client, name: str, rng: random.Random) -> None:
        self.cursor: str | None = None
        self._client = client
        self._name = f"{client.tenant}/{name}"
        self._rng = rng

    async def run(self) -> None:
        """Reads until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._rng.uniform(_SHORTEST_S, _LONGEST_S)):
                    await self._read()
            except (OSError, TimeoutError, WebSocketException, aiohttp.ClientError):
                pass
            self._client.recorder.note(Left, reader=self._name)
            await asyncio.sleep(self._rng.uniform(0, _PAUSE_S))

    async def visit(self, cursor: str) -> None:
        """Reads from an old cursor on for a short time."""
        self.cursor = cursor
        try:
            async with asyncio.timeout(_VISIT_S):
                await self._read()
        except (OSError, TimeoutError, WebSocketException, aiohttp.ClientError):
            pass

    async def _read(self) -> None:
        """Connects once and reads until the connection ends."""
        raise NotImplementedError

    def _subscribed(self, cursor: str | None) -> None:
        self._client.recorder.note(
            Subscribed, reader=self._name, tenant=self._client.tenant, after=self.cursor, cursor=cursor
        )
        self.cursor = self.cursor or cursor

    def _received(self, event: dict[str, Any], cursor: str) -> None:
        self.cursor = cursor
        note_event(self._client, self._name, cursor.partition(".")[0], event)

    def _progressed(self, data: dict[str, Any]) -> None:
        note_progress(self._client, self._name, data)

    def _reset(self, reason: str, cursor: str) -> None:
        self.cursor = cursor
        self._client.recorder.note(WasReset, reader=self._name, reason=reason, cursor=cursor)


class WebSocketReader(Reader):
    """Follows all jobs of the tenant over a WebSocket."""

    def __init__(self, client: Client, name: str, rng: random.Random, urls: tuple[str, ...]) -> None:
        super().__init__(client, name, rng)
        self._urls = urls

    async def _read(self) -> None:
        token = await self._client.ask("POST", "/v1/tokens", json={"channel": "jobs"})
        if token.status not in (200, 201):
            return
        async with open_websocket(self._rng.choice(self._urls)) as websocket:
            after = {"after": self.cursor} if self.cursor else {}
            await websocket.send(json.dumps({"type": "auth", "token": token.json["token"]}))
            await websocket.send(json.dumps({"type": "subscribe", "id": 1, "channel": "jobs", **after}))
            while True:
                frame = await next_frame(websocket)
                match frame["type"]:
                    case "subscribed":
                        self._subscribed(frame["cursor"])
                    case "event":
                        self._received(frame["event"], frame["cursor"])
                    case "progress":
                        self._progressed(frame)
                    case "ping":
                        self.cursor = frame["cursors"].get("s1", self.cursor)
                    case "reset":
                        self._reset(frame["reason"], frame["cursor"])
                    case "goaway" | "error":
                        return


class StreamReader(Reader):
    """Follows all jobs of the tenant as server-sent events."""

    async def _read(self) -> None:
        headers = {**self._client.headers, "Accept": "text/event-stream"}
        if self.cursor:
            headers["Last-Event-ID"] = self.cursor
        timeout = aiohttp.ClientTimeout(None, sock_connect=5, sock_read=_SILENCE_S)
        url = self._client.web_url() + "/v1/events"
        async with self._client.http.get(
            url, headers=headers, timeout=timeout, read_bufsize=1 << 20
        ) as answer:
            if answer.status != 200:
                return
            is_first, cursor, fields = True, self.cursor, dict[str, str]()
            async for line in answer.content:
                text = line.decode().rstrip("\n")
                if text:
                    name, _, value = text.partition(":")
                    fields[name] = value.removeprefix(" ")
                    continue
                cursor = fields.get("id", cursor)
                if is_first and cursor:
                    self._subscribed(cursor)
                    is_first = False
                self._dispatch(fields, cursor)
                fields = {}

    def _dispatch(self, fields: dict[str, str], cursor: str | None) -> None:
        if "data" not in fields:  # a heartbeat
            self.cursor = cursor
            return
        data = json.loads(fields["data"])
        match fields["event"]:
            case "progress":
                self._progressed(data)
            case "reset":
                self._reset(data["reason"], data["cursor"])
            case _:
                assert cursor is not None
                self._received(data, cursor)


class LogPager:
    """Reads the tenant's log page by page, from the first event on. The load learns from it."""

    def __init__(self, client: Client, known: Knowledge, *, is_last: bool = False) -> None:
        self.cursor: str | None = None
        self.has_more = True
        self.cursors: deque[str] = deque(maxlen=_KEPT_CURSORS)
        """The newest that pages have given."""
        self._client = client
        self._known = known
        self._is_last = is_last

    async def run(self) -> None:
        """Reads until it is cancelled."""
        while True:
            if not (await self.read_page() and self.has_more):
                await asyncio.sleep(_PAGE_PAUSE_S)

    async def read_page(self) -> bool:
        """Reads the next page. Returns whether it came."""
        after = {"after": self.cursor} if self.cursor else {}
        answer = await self._client.ask("GET", "/v1/events", params={"limit": "100", **after})
        if answer.status != 200:
            self._note(answer, self.cursor)
            if answer.code == "cursor_expired":
                self.cursor = answer.json["cursor"]
            return False
        page = answer.json
        events = self._note(answer, self.cursor)
        for event in events:
            self._known.learn_event(event)
        self.cursor, self.has_more = page["next_cursor"], page["has_more"]
        if events:
            self.cursors.append(page["next_cursor"])
        return True

    async def look_back(self, cursor: str) -> None:
        """Reads the page after an old cursor."""
        answer = await self._client.ask("GET", "/v1/events", params={"limit": "5", "after": cursor})
        self._note(answer, cursor)

    def _note(self, answer: Answer, after: str | None) -> tuple[EventSeen, ...]:
        """Records a page, unless there is nothing on it. Returns its events."""
        if answer.status != 200:
            self._client.note(LogRead, answer, after=after, is_last=self._is_last)
            return ()
        page = answer.json
        epoch = page["next_cursor"].partition(".")[0]
        events = tuple(EventSeen.of(epoch, event) for event in page["items"])
        members = {"next_cursor": page["next_cursor"], "has_more": page["has_more"], "is_last": self._is_last}
        if events or self._is_last:
            self._client.note(LogRead, answer, after=after, events=events, **members)
        return events


class JobFollower:
    """Follows one job over a WebSocket until it has ended, with the token of its submission."""

    def __init__(
        self, client: Client, job_id: str, token: str, rng: random.Random, urls: tuple[str, ...]
    ) -> None:
        self._client = client
        self._job_id = job_id
        self._token = token
        self._rng = rng
        self._urls = urls
        self._name = f"{client.tenant}/{job_id}/{rng.randrange(1 << 30)}"

    async def run(self) -> None:
        """Follows the job for `_FOLLOWED_S` at most."""
        ends_at = time.monotonic() + _FOLLOWED_S
        while time.monotonic() < ends_at:
            try:
                async with asyncio.timeout(self._rng.uniform(_SHORTEST_S, _FOLLOWED_S)):
                    if await self._follow():
                        return
            except (OSError, TimeoutError, WebSocketException):
                pass
            self._client.recorder.note(Left, reader=self._name)
            await asyncio.sleep(self._rng.uniform(0, _PAUSE_S))

    async def _follow(self) -> bool:
        """Returns True if the job has ended."""
        async with open_websocket(self._rng.choice(self._urls)) as websocket:
            await websocket.send(json.dumps({"type": "auth", "token": self._token}))
            await websocket.send(json.dumps({"type": "subscribe", "id": 1, "job_id": self._job_id}))
            while True:
                frame = await next_frame(websocket)
                document = None
                match frame["type"]:
                    case "subscribed":
                        document = frame["snapshot"]
                        self._subscribed(document)
                    case "event":
                        document = frame["event"]["data"]["job"]
                        note_event(self._client, self._name, "", frame["event"])
                    case "progress":
                        note_progress(self._client, self._name, frame)
                    case "reset":
                        document = frame["snapshot"]
                        members = {"reason": frame["reason"], "version": document["version"]}
                        self._client.recorder.note(WasReset, reader=self._name, cursor=None, **members)
                    case "goaway":
                        return False
                    case "error":
                        return frame.get("code") == "job_not_found"
                if document is not None and document["status"] in TERMINAL:
                    return True

    def _subscribed(self, snapshot: dict[str, Any]) -> None:
        self._client.recorder.note(
            Subscribed,
            reader=self._name,
            tenant=self._client.tenant,
            after=None,
            job_id=self._job_id,
            snapshot=JobSeen.of(snapshot),
        )


def open_websocket(url: str) -> connect:
    return connect(f"{url}/v1/ws", compression=None, open_timeout=5, close_timeout=1, ping_interval=None)


async def next_frame(websocket: ClientConnection) -> dict[str, Any]:
    """Returns the next frame, and answers pings. Raises TimeoutError after a long silence."""
    async with asyncio.timeout(_SILENCE_S):
        frame: dict[str, Any] = json.loads(await websocket.recv())
    if frame["type"] == "ping":
        await websocket.send('{"type": "pong"}')
    return frame


def note_event(client: Client, reader: str, epoch: str, event: dict[str, Any]) -> None:
    client.recorder.note(
        Received,
        reader=reader,
        epoch=epoch,
        sequence=event["sequence"],
        id=event["id"],
        digest=digest_of(event),
        version=event["data"].get("job", {}).get("version"),
    )


def note_progress(client: Client, reader: str, data: dict[str, Any]) -> None:
    percent = data["progress"]["percent"]
    client.recorder.note(Progressed, reader=reader, job_id=data["job_id"], percent=percent)
