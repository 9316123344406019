"""Runs the web server in the process of the test, on a free port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

from api.__main__ import WebServer, server_config
from api.app import Api, build
from jobs.core.settings import Settings


@contextlib.asynccontextmanager
async def serving(
    settings: Settings, app: Api | None = None, port: int = 0, **options: Any
) -> AsyncIterator[tuple[int, WebServer, Api]]:
    """Yields port, server and app; shuts the server down at the end.

    `options` are those of `server_config`.
    """
    app = app or build(settings)
    server = WebServer(server_config(app, settings, **options), app)
    listener = socket.create_server(("127.0.0.1", port))
    running = asyncio.create_task(server.serve([listener]))
    try:
        yield listener.getsockname()[1], server, app
    finally:
        server.should_exit = True
        await running
