from __future__ import annotations

import asyncio
from typing import Any

from starlette.websockets import WebSocket

from jobs.core.settings import Settings
from jobs.core.tokens import Tokens
from notifier.fanout.hub import Hub
from notifier.transports.sessions import Sessions
from notifier.transports.websocket_asgi import serve_websocket
from testsupport.push_fakes import NoLimits, Records


async def test_a_session_can_still_be_closed_while_its_client_leaves() -> None:
    records = Records()
    sessions = Sessions(Settings(), Tokens(("k" * 32,)), Hub(records, records, NoLimits()))
    is_sending, has_drained = asyncio.Event(), asyncio.Event()
    received: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": '{"type":"ping"}'},
    ]

    async def receive() -> dict[str, Any]:
        if received:
            return received.pop(0)
        await is_sending.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(message: Any) -> None:
        if message["type"] != "websocket.send":
            return
        is_sending.set()
        try:
            await asyncio.Event().wait()  # the client reads nothing
        finally:
            await sessions.drain(over_s=0)
            has_drained.set()

    scope = {"type": "websocket", "headers": [(b"host", b"localhost:8000")]}
    await serve_websocket(sessions, WebSocket(scope, receive, send))

    assert has_drained.is_set()
    assert len(sessions) == 0
