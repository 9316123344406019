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
from notifier.protocol.session import DEFAULT_SESSION_TIMING, Session, SessionTiming
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
        capacity: int | None = None,
    ) -> None:
        self._timing = timing
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
            return await _close(websocket, Close.because(CloseCode.FORBIDDEN, refusal))
        if self._is_draining or len(self.sessions) >= self._capacity:
            code = CloseCode.RESTART if self._is_draining else CloseCode.OVERLOADED
            return await _close(websocket, Close.because(code, "no more clients are taken here now"))
        return await self._converse(websocket)

    async def _converse(self, websocket: WebSocket) -> None:
        """Runs the session, until it has closed or the client has gone."""
        has_output = asyncio.Event()

        def wake() -> None:
            has_output.set()
            if session.closing is not None:
                # A client that does not read the last frames and the close in time never will.
                patience.reschedule(asyncio.get_running_loop().time() + session.close_timeout_s)

        patience = asyncio.timeout(None)
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
        try:
            with contextlib.suppress(TimeoutError):
                async with patience:
                    session.begin()
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

    async def _receive(self, websocket: WebSocket, session: Session, heartbeat: Heartbeat) -> None:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            session.receive(message.get("text") or message.get("bytes") or "", self._clock())
            heartbeat.rearm()


async def _send(websocket: WebSocket, session: Session, has_output: asyncio.Event) -> None:
    """Sends the session's frames, and its close at the end."""
    while True:
        while (frame := session.next_frame()) is not None:
            await websocket.send_text(frame.decode())
        if session.closing is not None:
            return await _close(websocket, session.closing)
        await has_output.wait()
        has_output.clear()


async def _close(websocket: WebSocket, close: Close) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has gone already
        await websocket.close(close.code, close.reason)
