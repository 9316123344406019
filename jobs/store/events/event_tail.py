"""The live end of all event logs: one reader of the bus and the progress channel per web or
notifier process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from jobs.core.errors.store import StoreUnavailable
from jobs.core.events import Event, ProgressUpdate
from jobs.process.testsignal import TestSignal
from jobs.store import keys
from jobs.store.client import BLOCK_MS, raise_if_cancelled, translated_errors, wait_for_store
from jobs.store.connection import DedicatedConnection
from jobs.store.events.epochs import Epochs
from jobs.store.events.followers import Followers

log = structlog.get_logger(__name__)

_BATCH = 500
_START = b"0-0"
"""The position before the first entry."""
_REST_S = 0.1
"""How long events wait to be read while there are no followers."""


class Tail:
    """Reads the bus whole, from when `run` starts, and hands every event to `on_event` in order.

    Each read goes on from the last entry that was seen. If the bus no longer has that entry (it was
    trimmed, or lost with the store), `on_gap` is called before the next event: readers must look at
    the log or the records again. `epochs` gives logs that lost events a new epoch. `on_progress`
    gets the volatile updates; one may be lost at any time. While there are no `followers`, events
    are read ten times a second, because a process without subscriptions should cost the store
    nearly nothing. A new follower ends such a rest.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        on_event: Callable[[Event], None],
        on_progress: Callable[[ProgressUpdate], None],
        on_gap: Callable[[], None],
        epochs: Epochs | None = None,
        followers: Followers | None = None,
        rest_s: float = _REST_S,
    ) -> None:
        self._redis = redis
        # After even a short loss, the store may be another one, without the events that were seen:
        # check each time.
        self._connection = DedicatedConnection(redis, hides_losses=False)
        self._on_event = on_event
        self._on_progress = on_progress
        self._on_gap = on_gap
        self._epochs = epochs
        self._followers = followers
        self._rest_s = rest_s
        self.resting: TestSignal[None] = TestSignal()
        self._position = b""
        self.ready = asyncio.Event()
        """Set once the first position is known: every later event will be seen."""

    async def run(self) -> None:
        """Reads for ever. While the store is away, waits for it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_bus())
            group.create_task(self._follow_progress())

    async def _follow_bus(self) -> None:
        while True:
            try:
                with translated_errors():
                    if self._epochs is not None and await self._epochs.renew_where_lost():
                        self._on_gap()
                    await self._find_position()
                    while True:
                        raise_if_cancelled()
                        await self._read_once()
            except StoreUnavailable as error:
                log.warning("tail.interrupted", reason=str(error))
                await wait_for_store(self._redis)

    async def _find_position(self) -> None:
        """Starts at the newest entry; later, checks that the bus still has the entry that was read
        last.

        The bus is trimmed from its oldest end, so then it has everything that came later, too.
        """
        if self._position and await self._redis.xrange(keys.BUS, self._position, self._position):
            return
        newest = await self._redis.xrevrange(keys.BUS, count=1)
        newest_id = newest[0][0] if newest else _START
        if not self._position:
            self._position = newest_id
            self.ready.set()
        elif newest_id != self._position:
            self._position = newest_id
            log.warning("tail.gap")
            self._on_gap()

    async def _read_once(self) -> None:
        entries = await self._next_events()
        if entries is None:
            return await self._find_position()
        for entry_id, event in entries:
            self._position = entry_id
            if self._epochs is not None:
                self._epochs.saw(event)
            self._on_event(event)
        if self._followers is not None and len(entries) < _BATCH:
            self.resting.emit(None)
            await self._followers.arrives(self._rest_s)

    async def _next_events(self) -> list[tuple[bytes, Event]] | None:
        """Returns the next events with their ids on the bus; none if nothing came for a while.

        None stands for a gap: the bus no longer has the entry that was read last, so entries after
        it may be gone, too. The store runs both commands at once, and one step writes fewer events
        than the bus keeps, so nothing is missed between them.
        """
        last, answer = await self._connection.ask(
            ("XRANGE", keys.BUS, self._position, self._position),
            ("XREAD", "COUNT", _BATCH, "BLOCK", BLOCK_MS, "STREAMS", keys.BUS, self._position),
        )
        for refusal in (last, answer):
            if isinstance(refusal, ResponseError):
                raise refusal
        if not last and self._position != _START:
            return None
        [(_, entries)] = answer or [(keys.BUS, [])]
        return [
            (entry_id, Event.from_bus(entry_id, dict(zip(flat[::2], flat[1::2], strict=True))))
            for entry_id, flat in entries
        ]

    async def _follow_progress(self) -> None:
        while True:
            try:
                with translated_errors():
                    async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                        await channel.subscribe(keys.PROGRESS)
                        while True:
                            raise_if_cancelled()
                            message = await channel.get_message(timeout=BLOCK_MS / 1000)
                            if message is not None:
                                self._on_progress(_progress(message["data"]))
            except StoreUnavailable:
                await wait_for_store(self._redis)


def _progress(data: bytes) -> ProgressUpdate:
    update = json.loads(data)
    progress = json.dumps(update["progress"], separators=(",", ":")).encode()
    return ProgressUpdate(update["tenant"], update["job_id"], update["claim"], progress)
