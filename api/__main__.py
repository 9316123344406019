"""`python -m api`: the web process."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.app import Api, build
from api.server.http_protocol import BoundedHttpProtocol, Front
from jobs.core.errors.store import StoreEvicts, StoreUnavailable
from jobs.core.settings import Settings
from jobs.process.client_connections import ClientConnections
from jobs.process.entry_point import run_process
from jobs.process.gc_tuning import tune_garbage_collector
from jobs.process.http_bounds import DEFAULT_HTTP_BOUNDS, HttpBounds
from jobs.store.client import connect, refuse_cluster
from jobs.store.eviction import EvictionGuard
from notifier.protocol.session import DEFAULT_SESSION_TIMING, MAX_MESSAGE_BYTES
from notifier.transports.capacity import connection_capacity, raise_file_limit

GRACE_SECONDS = 10
"""How long requests in progress may take after SIGTERM. Long polls end at once."""


class WebServer(uvicorn.Server):
    """Uvicorn with two more steps of shutdown, before it closes all connections at once.

    First, long polls are answered and `/readyz` answers 503; then push clients are disconnected.
    """

    def __init__(self, config: uvicorn.Config, api: Api) -> None:
        super().__init__(config)
        self._api = api

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Shuts down after SIGTERM or SIGINT. Uvicorn's own method raises the signal again at the
        end, so the process would die by it: a clean shutdown would look like a failure."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._api.services.waiters.close()
        await self._api.push.drain(GRACE_SECONDS / 2)
        await super().shutdown(sockets)


class PatientWebSocketProtocol(WebSocketsSansIOProtocol):
    """Lets a slow client read up to its close frame before the connection is closed.

    Uvicorn gives it 10 s. After that the client's next ping is answered by a reset, which destroys
    all that the client has not read yet.
    """

    def __init__(self, connections: ClientConnections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.close_timeout = DEFAULT_SESSION_TIMING.slow_close_timeout_s
        self._connections = connections

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # Uvicorn does not send what the package answers to a head that it cannot read.
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.client is not None:
            self._connections.leave(self.client[0])  # it was admitted as an HTTP connection


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, and returns when all is shut down."""
    api = build(settings)
    asyncio.run(_examine_store(settings))
    raise_file_limit()
    tune_garbage_collector()
    WebServer(server_config(api, settings), api).run()


async def _examine_store(settings: Settings) -> None:
    """Logs if the store evicts. Raises ClusterRefused.

    A store that cannot be reached is no error: `/readyz` reports it.
    """
    redis = connect(settings)
    try:
        with suppress(StoreUnavailable):
            await refuse_cluster(redis)
            with suppress(StoreEvicts):
                await EvictionGuard(redis, settings).check()
    finally:
        await redis.aclose()


def server_config(
    api: Api,
    settings: Settings,
    bounds: HttpBounds = DEFAULT_HTTP_BOUNDS,
    connections: ClientConnections | None = None,
) -> uvicorn.Config:
    """`connections` replaces what counts the connections of clients, for tests."""
    if connections is None:
        connections = ClientConnections(settings.max_connections_per_address, connection_capacity())
    metrics = api.services.metrics
    front = Front(connections, settings.base_url, partial(metrics.answered, "other", "none"), bounds)
    return uvicorn.Config(
        api,
        host=settings.listen_host,
        port=settings.port,
        http=cast(Any, partial(BoundedHttpProtocol, front)),
        loop="uvloop",
        ws=cast(Any, partial(PatientWebSocketProtocol, connections)),
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # events are small
        ws_ping_interval=None,  # the session pings
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=cast(int, bounds.idle_s),  # tests have fractions
        # The peer of the connection is the client. Headers cannot claim another address.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    run_process("web", serve)
