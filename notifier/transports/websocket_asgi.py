"""Serves the push protocol in the web process, as a Starlette WebSocket endpoint.

It is for platforms that route requests only to `web`. One task receives and one sends. The HTTP
server applies back-pressure to the sending task, and the session's send buffer closes a client that
never reads.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.websockets import WebSocket, WebSocketDisconnect

from notifier.protocol.close_codes import Close
from notifier.protocol.frames import SUBPROTOCOL
from notifier.protocol.session import Session
from notifier.transports.heartbeat import Heartbeat
from notifier.transports.sessions import Sessions


async def serve_websocket(sessions: Sessions, websocket: WebSocket) -> None:
    """Serves one client, until the connection is closed."""
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
    refusal = sessions.refusal(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in websocket.scope["headers"]
    )
    if refusal is not None:
        return await _close(websocket, refusal)

    has_output = asyncio.Event()

    def wake() -> None:
        has_output.set()
        if session.closing is not None:
            # A client that does not read the last frames and the close in time never will.
            loop.call_later(session.close_timeout_s, sending.cancel)

    loop = asyncio.get_running_loop()
    with sessions.connected(wake) as (session, heartbeat):
        receiving = asyncio.create_task(_receive(websocket, heartbeat))
        sending = asyncio.create_task(_send(websocket, session, has_output))
        try:
            session.begin()
            await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            receiving.cancel()
            sending.cancel()
            outcomes = await asyncio.gather(receiving, sending, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
            raise outcome
    return None


async def _receive(websocket: WebSocket, heartbeat: Heartbeat) -> None:
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        heartbeat.receive(message.get("text") or message.get("bytes") or "")


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
