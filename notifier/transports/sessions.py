"""The WebSocket sessions of this process: which clients are let in, and which are connected."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.registry import CollectorRegistry

from jobs.core.settings import LOCAL_TENANT, Settings
from jobs.core.tokens import Tokens
from notifier.fanout.hub import Hub
from notifier.fanout.metrics import PushMetrics
from notifier.protocol.close_codes import Close, CloseCode
from notifier.protocol.session import DEFAULT_SESSION_TIMING, Session, SessionTiming
from notifier.transports.access import Access
from notifier.transports.capacity import connection_capacity
from notifier.transports.draining import comeback_ms
from notifier.transports.heartbeat import Heartbeat

_BATCH = 50
"""How many clients are sent away between two waits."""


class Sessions:
    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        hub: Hub,
        clock: Callable[[], float] = time.time,
        *,
        timing: SessionTiming = DEFAULT_SESSION_TIMING,
        capacity: int | None = None,
        metrics: PushMetrics | None = None,
    ) -> None:
        self.hub = hub
        self.timing = timing
        self.is_draining = False
        self._access = Access(settings)
        self._tokens = tokens
        self._clock = clock
        self._tenant = None if settings.api_keys else LOCAL_TENANT
        self._capacity = connection_capacity() if capacity is None else capacity
        self._metrics = metrics or PushMetrics(CollectorRegistry())
        self._metrics.watch_connections("websocket", lambda: len(self))
        self._open: set[Session] = set()
        self._one_left = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    def refusal(self, headers: Iterable[tuple[str, str]]) -> Close | None:
        """Returns why a client with these headers is closed after the handshake, or None.

        The handshake itself succeeds, because browsers do not show why one failed.
        """
        close = self._refusal(headers)
        if close is not None:
            self._metrics.refused(close.code)
        return close

    def _refusal(self, headers: Iterable[tuple[str, str]]) -> Close | None:
        reason = self._access.refusal(headers)
        if reason is not None:
            return Close.because(CloseCode.FORBIDDEN, reason)
        if self.is_draining:
            return Close.because(CloseCode.RESTART, "restarting")
        if len(self._open) >= self._capacity:
            return Close.because(CloseCode.OVERLOADED, "no more clients are taken here now")
        return None

    @contextlib.contextmanager
    def connected(self, wake: Callable[[], None]) -> Iterator[tuple[Session, Heartbeat]]:
        """Yields the session of a client that is connected, and what drives it.

        The caller begins the session, when it is ready for `wake`.
        """
        session = Session(
            verify=self._tokens.verify,
            fanout=self.hub,
            wake=wake,
            now=self._clock(),
            tenant=self._tenant,
            timing=self.timing,
        )
        heartbeat = Heartbeat(session, self._clock)
        self._open.add(session)
        try:
            yield session, heartbeat
        finally:
            self._open.discard(session)
            self._one_left.set()
            heartbeat.stop()
            session.end()
            self._metrics.closed(None if session.closing is None else session.closing.code)

    async def stop_admitting(self) -> None:
        """Lets nobody in any more, and makes room for the clients at other processes."""
        self.is_draining = True
        await self.hub.limits.release()

    async def drain(self, over_s: float) -> None:
        """Sends all clients away within `over_s`."""
        leaving = list(self._open)
        for start in range(0, len(leaving), _BATCH):
            if start:
                await asyncio.sleep(over_s * _BATCH / len(leaving))
            for session in leaving[start : start + _BATCH]:
                session.go_away(comeback_ms(over_s))

    async def all_left(self) -> None:
        while self._open:
            self._one_left.clear()
            await self._one_left.wait()
