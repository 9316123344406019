"""The push protocol over real sockets, in the notifier and in the web process."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.__main__ import WebServer, server_config
from api.app import build, create_app
from api.push import Push
from jobs.core.job import Job
from jobs.core.settings import ApiKey, Settings
from jobs.core.tokens import Scope, Tokens
from jobs.process.client_connections import ClientConnections
from jobs.process.http_bounds import DEFAULT_HTTP_BOUNDS, HttpBounds
from notifier.fanout.hub import Hub
from notifier.protocol.session import MAX_MESSAGE_BYTES, MAX_SUBSCRIPTIONS, SessionTiming
from notifier.transports.sessions import Sessions
from notifier.transports.sse import EventStreams
from notifier.transports.websocket_server import WebSocketServer
from testsupport.push_fakes import NoLimits, Records
from testsupport.sample_events import make_event, make_job, make_progress

PATIENCE_S = 20
TOKENS = Tokens(["k" * 32])
CLOSED_TO_STRANGERS = Settings(
    host="127.0.0.1", notifier_port=0, api_keys=(ApiKey("acme", "k" * 16),), secret_key=("k" * 32,)
)
OPEN_TO_THIS_MACHINE = Settings(notifier_port=0, secret_key=("k" * 32,))


class Clock:
    """Unix time, plus what the test adds to it."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@dataclass
class Site:
    """A server under test, and the hub and records behind it."""

    port: int
    hub: Hub
    records: Records
    clock: Clock
    server: WebSocketServer | None = None
    """Only in the notifier."""

    def connect(self, path: str = "/v1/ws", **options: Any) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}{path}", **{"compression": None, **options})

    def token(self, scope: Scope | None = None, *, tenant: str = "acme", ttl: int = 3600) -> str:
        return TOKENS.mint(tenant, scope or Scope(channel="jobs"), self.clock(), ttl)[0]

    async def client(self, stack: contextlib.AsyncExitStack, **options: Any) -> ClientConnection:
        """A connected and authenticated client."""
        websocket = await stack.enter_async_context(self.connect(**options))
        assert (await ask(websocket, type="auth", token=self.token()))["type"] == "welcome"
        return websocket


async def receive(websocket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        frame = json.loads(await websocket.recv())
    assert isinstance(frame, dict)
    return frame


async def ask(websocket: ClientConnection, **frame: Any) -> dict[str, Any]:
    await websocket.send(json.dumps(frame))
    return await receive(websocket)


async def close_code(websocket: ClientConnection) -> int:
    """Returns the close code, after reading until the server closes."""
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await websocket.recv()
    assert websocket.close_code is not None
    return websocket.close_code


class SomeLimits(NoLimits):
    """Limits that let in as many as the test says."""

    def __init__(self, *, connections: int = 1000, subscriptions: int = 10_000) -> None:
        self.connections = connections
        self.subscriptions = subscriptions

    def connect(self, tenant: str, client: object) -> bool:
        self.connections -= 1
        return self.connections >= 0

    def subscribe(self, tenant: str) -> bool:
        self.subscriptions -= 1
        return self.subscriptions >= 0

    def unsubscribe(self, tenant: str) -> None:
        self.subscriptions += 1


@contextlib.asynccontextmanager
async def notifier_site(
    settings: Settings,
    limits: NoLimits | None = None,
    *,
    clients: ClientConnections | None = None,
    bounds: HttpBounds = DEFAULT_HTTP_BOUNDS,
    **options: Any,
) -> AsyncIterator[Site]:
    """A notifier's server; `options` are those of `Sessions`."""
    records, clock = Records(), Clock()
    hub = Hub(records, records, limits or NoLimits())
    async with _running(hub):
        sessions = Sessions(settings, TOKENS, hub, clock, **options)
        server = WebSocketServer(sessions, clients or ClientConnections(10_000, 10_000), bounds)
        await server.start("127.0.0.1", 0)
        yield Site(server.port, hub, records, clock, server)
        await server.drain(PATIENCE_S)


@contextlib.asynccontextmanager
async def web_site(settings: Settings, limits: NoLimits | None = None, **options: Any) -> AsyncIterator[Site]:
    """The web process without its store; `options` are those of `Sessions`."""
    records, clock = Records(), Clock()
    hub = Hub(records, records, limits or NoLimits())
    services = dataclasses.replace(build(settings).services, hub=hub, tokens=TOKENS, clock=clock)
    sessions = Sessions(settings, TOKENS, hub, clock, **options)
    app = create_app(services, Push(sessions, EventStreams(hub, clock)))
    server = WebServer(server_config(app, settings), app)
    server.config.log_config = None
    listener = socket.create_server(("127.0.0.1", 0))
    async with _running(hub):
        serving = asyncio.create_task(server.serve([listener]))
        yield Site(listener.getsockname()[1], hub, records, clock)
        server.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def _running(hub: Hub) -> AsyncIterator[None]:
    ready = asyncio.Event()
    ready.set()
    task = asyncio.create_task(hub.run(ready))
    yield
    task.cancel()


Opener = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture(params=[notifier_site, web_site], ids=["notifier", "web"])
def open_site(request: pytest.FixtureRequest) -> Opener:
    opener: Opener = request.param
    return opener


@pytest.fixture
async def site(open_site: Opener) -> AsyncIterator[Site]:
    async with open_site(CLOSED_TO_STRANGERS) as site:
        yield site


@pytest.fixture
async def stack() -> AsyncIterator[contextlib.AsyncExitStack]:
    async with contextlib.AsyncExitStack() as stack:
        yield stack


# --- the conversation ---------------------------------------------------------------------------


async def test_a_client_follows_a_job_from_its_snapshot_to_its_end(
    site: Site, stack: contextlib.AsyncExitStack
) -> None:
    job = site.records.put(make_job())
    client = await site.client(stack)

    subscribed = await ask(client, type="subscribe", id=2, job_id=job.id)
    for event in (make_event(job, 1), make_event(job, 2)):
        site.hub.on_event(event)
    started = await receive(client)
    site.hub.on_progress(make_progress(job, 40))
    progress = await receive(client)
    final = make_event(job, 3)
    site.hub.on_event(final)
    async with asyncio.timeout(PATIENCE_S):
        succeeded = await client.recv(decode=False)

    assert subscribed == {"type": "subscribed", "reply_to": 2, "subscription": "s1", "snapshot": job.document}
    assert started["event"]["type"] == "job.started"
    assert progress == {
        "type": "progress", "subscription": "s1", "job_id": job.id, "progress": {"percent": 40},
    }  # fmt: skip
    assert final.body in succeeded  # the stored bytes, not a rendering of them


async def test_naming_the_subprotocol_is_optional(site: Site) -> None:
    async with site.connect(subprotocols=["pressrun.v1"]) as named, site.connect(subprotocols=["x"]) as other:
        assert named.subprotocol == "pressrun.v1"
        assert other.subprotocol is None


async def test_frames_are_never_compressed(site: Site) -> None:
    async with site.connect(compression="deflate") as websocket:
        assert "Sec-WebSocket-Extensions" not in websocket.response.headers  # type: ignore[union-attr]


async def test_one_event_reaches_every_follower(site: Site, stack: contextlib.AsyncExitStack) -> None:
    job = site.records.put(make_job())
    clients = [await site.client(stack) for _ in range(20)]
    for client in clients:
        await ask(client, type="subscribe", job_id=job.id)

    site.hub.on_event(make_event(job, 2))

    for client in clients:
        assert (await receive(client))["event"]["type"] == "job.started"


async def test_the_subscriptions_of_a_client_that_goes_away_end(
    open_site: Opener, stack: contextlib.AsyncExitStack
) -> None:
    limits = SomeLimits(subscriptions=2)
    site = await stack.enter_async_context(open_site(CLOSED_TO_STRANGERS, limits))
    job = site.records.put(make_job())
    leaving, staying = await site.client(stack), await site.client(stack)
    for client in (leaving, staying):
        await ask(client, type="subscribe", job_id=job.id)

    await leaving.close()
    async with asyncio.timeout(PATIENCE_S):
        while limits.subscriptions == 0:
            await ask(staying, type="ping")  # a round trip gives the server its turn

    site.hub.on_event(make_event(job, 2))
    assert (await receive(staying))["type"] == "event"


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x.y.z", "eyJhbGciOiJub25lIn0.eyJ0ZW5hbnQiOiJhY21lIn0."])
async def test_a_bad_token_closes_with_4401(site: Site, token: str) -> None:
    async with site.connect() as websocket:
        await websocket.send(json.dumps({"type": "auth", "token": token}))
        assert await close_code(websocket) == 4401


async def test_an_expired_token_closes_with_4501(site: Site) -> None:
    token = site.token(ttl=10)
    site.clock.ahead_s += 10
    async with site.connect() as websocket:
        await websocket.send(json.dumps({"type": "auth", "token": token}))
        assert await close_code(websocket) == 4501


async def test_no_token_closes_with_4401(site: Site) -> None:
    async with site.connect() as websocket:
        await websocket.send('{"type":"ping"}')
        assert await close_code(websocket) == 4401


async def test_a_token_in_the_url_is_no_token(site: Site) -> None:
    async with site.connect(f"/v1/ws?token={site.token()}") as websocket:
        await websocket.send('{"type":"ping"}')
        assert await close_code(websocket) == 4401


async def test_the_connection_of_a_foreign_page_closes_with_4403(site: Site) -> None:
    async with site.connect(origin="https://evil.example") as websocket:
        assert await close_code(websocket) == 4403


async def test_another_tenants_job_looks_like_none(site: Site, stack: contextlib.AsyncExitStack) -> None:
    theirs = site.records.put(make_job(tenant="globex"))
    client = await site.client(stack)

    for_theirs = await ask(client, type="subscribe", id=2, job_id=theirs.id)
    for_none = await ask(client, type="subscribe", id=2, job_id=make_job().id)

    assert for_theirs == for_none
    assert for_none["code"] == "job_not_found"


async def test_without_api_keys_this_machine_needs_no_token(open_site: Opener) -> None:
    async with (
        open_site(OPEN_TO_THIS_MACHINE) as site,
        site.connect(origin="http://localhost:8000") as websocket,
    ):
        job = site.records.put(make_job(tenant="default"))
        assert (await ask(websocket, type="subscribe", job_id=job.id))["type"] == "subscribed"


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"X-Forwarded-For": "10.0.0.1"}]
)
async def test_without_api_keys_a_connection_from_elsewhere_closes_with_4403(
    open_site: Opener, headers: dict[str, str]
) -> None:
    async with open_site(OPEN_TO_THIS_MACHINE) as site:
        if "Host" in headers:
            options: dict[str, Any] = {"host": "127.0.0.1", "port": site.port}
            opening = connect(f"ws://{headers['Host']}/v1/ws", **options)
        else:
            opening = site.connect(additional_headers=headers)
        async with opening as websocket:
            assert await close_code(websocket) == 4403


# --- hostile and slow clients -------------------------------------------------------------------


@pytest.mark.parametrize(
    "message", ["{", '{"type":"shout"}', '{"type":"ping","more":1}', b'{"type":"ping"}', b""]
)
async def test_a_bad_frame_closes_with_4400_after_an_error_that_says_why(
    site: Site, stack: contextlib.AsyncExitStack, message: str | bytes
) -> None:
    client = await site.client(stack)

    await client.send(message)

    assert (await receive(client))["code"] == "bad_frame"
    assert await close_code(client) == 4400


async def test_a_huge_frame_closes_with_1009(site: Site, stack: contextlib.AsyncExitStack) -> None:
    client = await site.client(stack)

    await client.send(" " * (MAX_MESSAGE_BYTES + 1))

    assert await close_code(client) == 1009


async def test_a_frame_in_many_fragments_is_one_frame(site: Site, stack: contextlib.AsyncExitStack) -> None:
    client = await site.client(stack)

    await client.send(iter('{"type":"ping","id":"slow"}'))

    assert await receive(client) == {"type": "pong", "reply_to": "slow"}


async def test_a_client_that_never_reads_is_cut_off_and_others_are_served(
    open_site: Opener, stack: contextlib.AsyncExitStack
) -> None:
    limits, timing = SomeLimits(subscriptions=2), SessionTiming(slow_close_timeout_s=0.2)
    site = await stack.enter_async_context(open_site(CLOSED_TO_STRANGERS, limits, timing=timing))
    job, other = site.records.put(make_job()), site.records.put(make_job())
    stuck = await site.client(stack, max_queue=1)
    reader = await site.client(stack)
    await ask(stuck, type="subscribe", job_id=job.id)
    await ask(reader, type="subscribe", job_id=other.id)
    stuck.transport.pause_reading()
    big = json.dumps("x" * 200_000).encode()

    version = 1
    async with asyncio.timeout(PATIENCE_S):
        while limits.subscriptions == 0:
            version += 1
            site.hub.on_event(_with_body(job, version, big))
            await asyncio.sleep(0)  # the server's turn
    assert version > 5
    site.hub.on_event(make_event(other, 2))

    assert (await receive(reader))["type"] == "event"
    stuck.transport.abort()


def _with_body(job: Job, version: int, body: bytes) -> Any:
    event = make_event(job, version)
    return type(event)(event.tenant, event.sequence, "job.retrying", event.job_id, version, body)


async def test_a_slow_client_gets_4508_even_if_it_reads_on_later_than_others_may(
    open_site: Opener, stack: contextlib.AsyncExitStack
) -> None:
    limits, timing = SomeLimits(subscriptions=1), SessionTiming(close_timeout_s=0)
    site = await stack.enter_async_context(open_site(CLOSED_TO_STRANGERS, limits, timing=timing))
    job = site.records.put(make_job())
    slow = await site.client(stack)
    await ask(slow, type="subscribe", job_id=job.id)
    slow.transport.pause_reading()
    big = json.dumps("x" * 200_000).encode()

    version = 1
    while limits.subscriptions == 0:
        version += 1
        site.hub.on_event(_with_body(job, version, big))
        await asyncio.sleep(0)  # the server's turn
    async with site.connect() as other:  # takes turns enough to cut the connection
        await ask(other, type="auth", token=site.token())
    slow.transport.resume_reading()

    assert await close_code(slow) == 4508


async def test_a_client_that_says_nothing_at_first_is_closed_with_4401(
    open_site: Opener,
) -> None:
    timing = SessionTiming(auth_timeout_s=0.05)
    async with open_site(CLOSED_TO_STRANGERS, timing=timing) as site, site.connect() as websocket:
        assert await close_code(websocket) == 4401


async def test_a_client_that_answers_pings_stays_and_one_that_does_not_is_closed_with_4504(
    open_site: Opener, stack: contextlib.AsyncExitStack
) -> None:
    timing = SessionTiming(ping_interval_s=1)
    site = await stack.enter_async_context(open_site(CLOSED_TO_STRANGERS, timing=timing))
    client = await site.client(stack)

    for _ in range(3):
        assert await receive(client) == {"type": "ping"}
        await client.send('{"type":"pong"}')

    assert await receive(client) == {"type": "ping"}
    assert await close_code(client) == 4504


async def test_a_connection_ends_with_its_token(site: Site) -> None:
    async with site.connect() as websocket:
        assert (await ask(websocket, type="auth", token=site.token(ttl=3)))["type"] == "welcome"
        assert await close_code(websocket) == 4501


# --- the process --------------------------------------------------------------------------------


async def test_health_and_unknown_paths_are_answered_over_plain_http() -> None:
    async with notifier_site(CLOSED_TO_STRANGERS) as site:
        assert (await _get(site.port, "/healthz")).startswith(b"HTTP/1.1 200")
        assert (await _get(site.port, "/")).startswith(b"HTTP/1.1 404")
        assert (await _get(site.port, "/v1/ws")).startswith(b"HTTP/1.1 426")
        with pytest.raises(InvalidStatus):
            async with site.connect("/elsewhere"):
                pass


async def _get(port: int, path: str) -> bytes:
    return await _answer(*await asyncio.open_connection("127.0.0.1", port), path)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bytes:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()
    return answer


async def test_a_drain_disconnects_every_client_and_refuses_new_ones() -> None:
    async with notifier_site(CLOSED_TO_STRANGERS) as site, contextlib.AsyncExitStack() as stack:
        assert site.server is not None
        clients = [await site.client(stack) for _ in range(120)]
        draining = asyncio.create_task(site.server.drain(PATIENCE_S))

        for client in clients:
            goaway = await receive(client)
            assert goaway["type"] == "goaway"
            assert 0 <= goaway["reconnect_in_ms"] < 5000
            assert await close_code(client) == 1012
        await draining
        with pytest.raises(ConnectionRefusedError):
            async with site.connect():
                pass


async def test_readyz_answers_503_while_a_drain_still_waits_for_clients() -> None:
    async with notifier_site(CLOSED_TO_STRANGERS) as site, contextlib.AsyncExitStack() as stack:
        assert site.server is not None
        assert (await _get(site.port, "/readyz")).startswith(b"HTTP/1.1 200")
        balancer = await asyncio.open_connection("127.0.0.1", site.port)
        client = await site.client(stack)
        client.transport.pause_reading()  # it keeps the drain waiting
        draining = asyncio.create_task(site.server.drain(PATIENCE_S))
        await asyncio.sleep(0)  # the drain begins

        assert (await _answer(*balancer, "/readyz")).startswith(b"HTTP/1.1 503")
        assert not draining.done()
        client.transport.resume_reading()
        assert (await receive(client))["type"] == "goaway"
        await draining


async def test_a_connection_more_than_the_tenant_may_have_closes_with_4529(open_site: Opener) -> None:
    limits = SomeLimits(connections=0)
    async with open_site(CLOSED_TO_STRANGERS, limits) as site, site.connect() as websocket:
        await websocket.send(json.dumps({"type": "auth", "token": site.token()}))
        assert await close_code(websocket) == 4529


async def test_the_limit_holds_without_api_keys_too(open_site: Opener) -> None:
    limits = SomeLimits(connections=0)
    async with open_site(OPEN_TO_THIS_MACHINE, limits) as site, site.connect() as websocket:
        assert await close_code(websocket) == 4529


async def test_a_connection_more_than_the_process_can_hold_closes_with_1013(open_site: Opener) -> None:
    async with open_site(CLOSED_TO_STRANGERS, capacity=16) as site, contextlib.AsyncExitStack() as stack:
        clients = [await site.client(stack) for _ in range(16)]
        async with site.connect() as websocket:
            assert await close_code(websocket) == 1013
        assert await ask(clients[0], type="ping", id=1) == {"type": "pong", "reply_to": 1}


async def test_the_web_process_disconnects_its_clients_before_it_ends() -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with web_site(CLOSED_TO_STRANGERS) as site:
            clients = [await site.client(stack) for _ in range(60)]
        for client in clients:
            assert (await receive(client))["type"] == "goaway"
            assert await close_code(client) == 1012


async def test_a_subscription_more_than_the_tenant_may_have_is_refused_and_the_connection_goes_on(
    open_site: Opener, stack: contextlib.AsyncExitStack
) -> None:
    limits = SomeLimits(subscriptions=0)
    site = await stack.enter_async_context(open_site(CLOSED_TO_STRANGERS, limits))
    client = await site.client(stack)

    assert (await ask(client, type="subscribe", channel="jobs"))["code"] == "too_many_tenant_subscriptions"
    assert (await ask(client, type="ping"))["type"] == "pong"


async def test_thousands_of_subscribe_frames_do_not_disturb_other_clients(
    site: Site, stack: contextlib.AsyncExitStack
) -> None:
    greedy, other = await site.client(stack), await site.client(stack)
    for number in range(3000):
        await greedy.send(json.dumps({"type": "subscribe", "id": number, "channel": "jobs"}))
    answers = [await receive(greedy) for _ in range(3000)]

    assert {answer.get("code") for answer in answers} == {None, "too_many_subscriptions"}
    assert sum(answer["type"] == "subscribed" for answer in answers) == MAX_SUBSCRIPTIONS
    assert (await ask(other, type="ping"))["type"] == "pong"


async def test_a_handshake_byte_by_byte_and_a_frame_byte_by_byte_are_served(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    handshake = (
        f"GET /v1/ws HTTP/1.1\r\nHost: localhost:{site.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    payload = json.dumps({"type": "auth", "token": site.token()}).encode()
    frame = b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload  # masked with zeros
    async with asyncio.timeout(PATIENCE_S):
        for byte in handshake.encode():
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        for byte in frame:
            writer.write(bytes([byte]))
            await writer.drain()
        header = await reader.readexactly(2)
        assert b'"welcome"' in await reader.readexactly(header[1])
    writer.close()
