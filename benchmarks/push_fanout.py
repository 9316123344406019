"""One event to many subscribers: the notifier's server against `websockets.broadcast`.

    python -m benchmarks.push_fanout [subscribers]

Both send the same bytes, in one process on one loop, in alternate rounds, so conditions are the
same. A round lasts from the order to send until the last client has the whole frame. The target is
80 % of the rate.
"""

from __future__ import annotations

import asyncio
import sys
import time

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from benchmarks.harness import describe_machine, percentile, print_target, run
from benchmarks.push_readers import json_frame, open_readers, raise_limits
from jobs.core.events import Event
from jobs.core.settings import LOCAL_TENANT, Settings
from jobs.core.tokens import Tokens
from jobs.process.client_connections import ClientConnections
from notifier.fanout.hub import Hub
from notifier.protocol.log_event import LogEvent
from notifier.transports.sessions import Sessions
from notifier.transports.websocket_server import WebSocketServer
from testsupport.ports import free_port
from testsupport.project import ROOT
from testsupport.push_fakes import NoLimits, Records
from testsupport.sample_events import make_event, make_job

ROUNDS = 30


class Servers:
    """Both servers. Each line on standard input makes one of them send an event."""

    def __init__(self) -> None:
        self._records = Records()
        self._hub = Hub(self._records, self._records, NoLimits())
        self._connections: set[ServerConnection] = set()
        self._job = make_job(2, tenant=LOCAL_TENANT, kind="pdf.render", metadata={"x": "x" * 800}, tags=[])

    async def run(self, ours: int, plain: int) -> None:
        ready = asyncio.Event()
        ready.set()
        server = WebSocketServer(
            Sessions(Settings(), Tokens(["s" * 32]), self._hub), ClientConnections(1_000_000, 1_000_000)
        )
        await server.start("127.0.0.1", ours)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        async with serve(self._join, "127.0.0.1", plain, compression=None, ping_interval=None):
            feeding = asyncio.create_task(self._hub.run(ready))
            while order := await reader.readline():
                self._send(order)
            feeding.cancel()

    def _send(self, order: bytes) -> None:
        made = make_event(self._job, 2)
        event = Event(
            LOCAL_TENANT,
            len(self._records.log) + 1,
            made.type,
            made.job_id,
            2,
            made.body,
            self._records.epoch,
        )
        if order == b"ours\n":
            self._records.log.append(event)
            self._hub.on_event(event)
        else:
            frame = LogEvent(event.cursor, event.type, event.body).encode("s1")
            broadcast(self._connections, frame.decode())

    async def _join(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        async for _ in connection:
            await connection.send('{"type":"subscribed"}')


async def main() -> None:
    describe_machine()
    raise_limits()
    subscribers = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    ports = {"ours": free_port(), "plain": free_port()}
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.push_fanout", "serve", str(ports["ours"]), str(ports["plain"]),
        cwd=ROOT, stdin=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdin is not None
    await _listening(ports["plain"])
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    missing, all_have_it = 0, asyncio.Event()

    def count(_: object) -> None:
        nonlocal missing
        missing -= 1
        if missing == 0:
            all_have_it.set()

    for port in ports.values():
        await open_readers(port, subscribers, [json_frame(type="subscribe", id=1, channel="jobs")], count)
    await asyncio.sleep(1)
    for _ in range(ROUNDS):
        for name, seen in times.items():
            missing = subscribers
            all_have_it.clear()
            began = time.perf_counter()
            server.stdin.write(f"{name}\n".encode())
            await all_have_it.wait()
            seen.append(time.perf_counter() - began)
            await asyncio.sleep(0.05)
    server.kill()
    await server.wait()
    rates = {name: subscribers / percentile(seen, 50) for name, seen in times.items()}
    print(
        f"one event to {subscribers:,}: notifier {rates['ours']:,.0f} frames/s, broadcast {rates['plain']:,.0f}"
    )
    print_target("rate, of broadcast's", rates["ours"] / rates["plain"] * 100, 80, at_most=False, unit=" %")


async def _listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        raise_limits()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(Servers().run(int(sys.argv[2]), int(sys.argv[3])))
    else:
        run(main())
