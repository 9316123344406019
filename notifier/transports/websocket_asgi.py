"""Serves the push protocol in the web process, as a Starlette WebSocket endpoint at `/v1/ws`.

It is for platforms that route requests only to `web`. One task receives and one sends. The HTTP
server applies back-pressure to the sending task, and the session's send buffer closes a client that
never reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from jobs.core.settings import LOCAL_TENANT, Settings
from jobs.core.tokens import Tokens
from notifier.fanout.hub import Hub
from notifier.protocol.close_codes import Close, CloseCode
from notifier.protocol.frames import SUBPROTOCOL
from notifier.protocol.session import CLOSE_TIMEOUT_S, DEFAULT_SESSION_TIMING, Session, SessionTiming
from notifier.transports.access import Access
from notifier.transports.capacity import connection_capacity
from notifier.transports.draining import send_away
from notifier.transports.heartbeat import Heartbeat


class WebSocketEndpoint:
    """Serves WebSockets, for `WebSocketRoute("/v1/ws", endpoint.serve)`."""

    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        hub: Hub,
        clock: Callable[[], float] = time.time,
        *,
        timing: SessionTiming = DEFAULT_SESSION_TIMING,
        close_timeout_s: float = CLOSE_TIMEOUT_S,
        capacity: int | None = None,
    ) -> None:
        self._timing = timing
        self._close_timeout_s = close_timeout_s
        self._access = Access(settings)
        self._tokens = tokens
        self._hub = hub
        self._clock = clock
        self._tenant = None if settings.api_keys else LOCAL_TENANT
        self._capacity = connection_capacity() if capacity is None else capacity
        self._is_draining = False
        self._one_left = asyncio.Event()
        self.sessions: set[Session] = set()

    async def drain(self, grace_s: float, over_s: float) -> None:
        """Disconnects all clients within `over_s`; returns when they are gone, or at `grace_s`."""
        self._is_draining = True
        await send_away(list(self.sessions), over_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s - over_s):
                while self.sessions:
                    self._one_left.clear()
                    await self._one_left.wait()

    async def serve(self, websocket: WebSocket) -> None:
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        refusal = self._access.refusal(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in websocket.scope["headers"]
        )
        if refusal is not None:
            await self._close(websocket, Close.because(CloseCode.FORBIDDEN, refusal))
            return
        if self._is_draining or len(self.sessions) >= self._capacity:
            code = CloseCode.RESTART if self._is_draining else CloseCode.OVERLOADED
            await self._close(websocket, Close.because(code, "no more clients are taken here now"))
            return
        closing = await self._converse(websocket)
        if closing is not None:
            await self._close(websocket, closing)

    async def _converse(self, websocket: WebSocket) -> Close | None:
        """Runs the session. Returns why it closes, or None if the client has gone."""
        has_output = asyncio.Event()

        def wake() -> None:
            has_output.set()
            if session.closing is not None:
                # A client that does not read the last frames in time never will.
                loop.call_later(self._close_timeout_s, sending.cancel)

        loop = asyncio.get_running_loop()
        session = Session(
            verify=self._tokens.verify,
            fanout=self._hub,
            wake=wake,
            now=self._clock(),
            tenant=self._tenant,
            timing=self._timing,
        )
        self.sessions.add(session)
        heartbeat = Heartbeat(session, self._clock)
        receiving = asyncio.create_task(self._receive(websocket, session, heartbeat))
        sending = asyncio.create_task(_send(websocket, session, has_output))
        session.begin()
        try:
            await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.sessions.discard(session)
            self._one_left.set()
            heartbeat.stop()
            session.end()
            receiving.cancel()
            sending.cancel()
            outcomes = await asyncio.gather(receiving, sending, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
                raise outcome
        return session.closing

    async def _receive(self, websocket: WebSocket, session: Session, heartbeat: Heartbeat) -> None:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            session.receive(message.get("text") or message.get("bytes") or "", self._clock())
            heartbeat.rearm()

    async def _close(self, websocket: WebSocket, close: Close) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(self._close_timeout_s):
                await websocket.close(close.code, close.reason)


async def _send(websocket: WebSocket, session: Session, has_output: asyncio.Event) -> None:
    """Sends the session's frames until it closes."""
    while True:
        while (frame := session.next_frame()) is not None:
            await websocket.send_text(frame.decode())
        if session.closing is not None:
            return
        await has_output.wait()
        has_output.clear()
