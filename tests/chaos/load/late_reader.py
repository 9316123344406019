"""A reader that was away for minutes: it reads a page of the log from a cursor of long ago."""

from __future__ import annotations

import asyncio
import random

from tests.chaos.load.client import Client
from tests.chaos.load.readers import LogPager
from tests.chaos.observations import EventSeen, LogRead

_PAUSE_S = 5


class LateReader:
    """Keeps cursors that a pager was given. What comes after one may be gone by now; then the
    answer must say so."""

    def __init__(self, client: Client, pager: LogPager, rng: random.Random) -> None:
        self._client = client
        self._pager = pager
        self._rng = rng
        self._cursors: list[str] = []

    async def run(self) -> None:
        """Reads until it is cancelled."""
        while True:
            await asyncio.sleep(_PAUSE_S)
            if self._pager.cursor:
                self._cursors.append(self._pager.cursor)
                await self._read(self._rng.choice(self._cursors))

    async def _read(self, after: str) -> None:
        answer = await self._client.ask("GET", "/v1/events", params={"limit": "100", "after": after})
        if answer.status != 200:
            self._client.note(LogRead, answer, after=after)
            return
        page = answer.json
        epoch = page["next_cursor"].partition(".")[0]
        events = tuple(EventSeen.of(epoch, event) for event in page["items"])
        more = {"next_cursor": page["next_cursor"], "has_more": page["has_more"]}
        self._client.note(LogRead, answer, after=after, events=events, **more)
