"""What a client may do to the web process with bytes, time and connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from api.__main__ import GRACE_SECONDS
from api.app import build
from api.http.body import BodyBounds
from api.http.body_memory import LARGE_BYTES, BodyMemory
from api.http.body_pace import BodyPace
from api.server.http_protocol import BoundedHttpProtocol
from jobs.core.settings import Settings
from jobs.process.client_connections import ClientConnections
from jobs.process.http_bounds import HttpBounds
from tests.integration.api.conftest import ACME_KEY
from testsupport.raw_client import RawAnswer, RawClient
from testsupport.waiting import eventually
from testsupport.web_server import serving

TIGHT = HttpBounds(head_bytes=4096, head_fields=20, linger_s=5)
"""Bounds that a test reaches soon."""
HASTY = replace(TIGHT, head_s=0.3)
"""For tests whose requests come too late anyway: a slow machine cannot make them fail."""
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture
async def port(settings: Settings) -> AsyncIterator[int]:
    async with serving(settings, bounds=TIGHT) as (port, _, _):
        yield port


@pytest.fixture
async def hasty_port(settings: Settings) -> AsyncIterator[int]:
    async with serving(settings, bounds=HASTY) as (port, _, _):
        yield port


def assert_refused(answer: RawAnswer, status: int, code: str) -> None:
    problem = json.loads(answer.body)
    assert (answer.status, problem["code"], problem["status"]) == (status, code, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"GET /" + b"a" * 5000, 414, "uri_too_long"),
        (b"GET /healthz HTTP/1.1\r\nx: " + b"a" * 5000, 431, "headers_too_large"),
        (
            b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 5000 + b"\r\n\r\n",
            431,
            "headers_too_large",
        ),
        (b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * 21 + b"\r\n", 431, "headers_too_large"),
        (b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * 50_000, 431, "headers_too_large"),
        (b"\r\n" * 5000, 431, "headers_too_large"),
        (b"nonsense\r\n\r\n", 400, "malformed_request"),
        (b"GET  / HTTP/1.1\r\nbad name: x\r\n\r\n", 400, "malformed_request"),
        (
            b"POST /v1/jobs HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"e" * 9000,
            431,
            "headers_too_large",
        ),
        (
            b"POST /v1/jobs HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\ntrailer: " + b"e" * 9000,
            431,
            "headers_too_large",
        ),
    ],
)
async def test_a_head_beyond_the_bounds_is_refused(
    port: int, request_bytes: bytes, status: int, code: str
) -> None:
    async with RawClient.connected(port) as client:
        await client.say(request_bytes)
        assert_refused(await client.answer(), status, code)
        assert await client.rest() == b""


async def test_a_head_within_the_bounds_is_served_however_it_is_cut(port: int) -> None:
    head = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n" + b"x: " + b"a" * 3900 + b"\r\n\r\n"
    async with RawClient.connected(port) as client:
        for cut in (1, 10, 2000, len(head) - 1):
            await client.say(head[:cut])
            await asyncio.sleep(0)
            await client.say(head[cut:])
            assert (await client.answer()).status == 200


@pytest.mark.parametrize("begun", [b"G", b"GET / HTT", HEALTH[:-2]])
async def test_a_head_that_does_not_end_is_refused_in_time(hasty_port: int, begun: bytes) -> None:
    async with RawClient.connected(hasty_port) as client:
        await client.say(begun)
        assert_refused(await client.answer(), 408, "request_timeout")
        assert await client.rest() == b""


async def test_a_head_that_trickles_in_is_refused_in_time(hasty_port: int) -> None:
    async with RawClient.connected(hasty_port) as client:
        trickling = asyncio.create_task(client.trickle(HEALTH * 1000, 0.02))
        assert_refused(await client.answer(), 408, "request_timeout")
        trickling.cancel()


async def test_the_clock_of_a_head_begins_anew_with_each_request(hasty_port: int) -> None:
    async with RawClient.connected(hasty_port) as client:
        await client.say(HEALTH)
        assert (await client.answer()).status == 200
        await client.say(HEALTH + HEALTH[:9])
        assert (await client.answer()).status == 200
        assert_refused(await client.answer(), 408, "request_timeout")


@pytest.mark.parametrize("sent", [b"", HEALTH, HEALTH + b"\r\n"])
async def test_an_idle_connection_is_closed_without_an_answer(settings: Settings, sent: bytes) -> None:
    async with (
        serving(settings, bounds=replace(TIGHT, idle_s=0.3)) as (port, _, _),
        RawClient.connected(port) as client,
    ):
        await client.say(sent)
        if sent:
            await client.answer()
        assert await client.rest() == b""


async def test_requests_may_come_before_the_answers_to_earlier_ones(port: int) -> None:
    async with RawClient.connected(port) as client:
        await client.say(HEALTH * 300)
        for _ in range(300):
            assert (await client.answer()).status == 200


async def test_however_many_requests_come_before_the_answers_few_of_them_wait(settings: Settings) -> None:
    sent, waited = 2_000, 0
    async with serving(settings) as (port, server, _), RawClient.connected(port) as client:

        async def read_answers() -> None:
            for _ in range(sent):
                assert (await client.answer()).status == 200

        reading = asyncio.create_task(read_answers())
        await client.say(HEALTH * sent)
        while not reading.done():
            for connection in server.server_state.connections:
                assert isinstance(connection, BoundedHttpProtocol)
                waited = max(waited, len(connection.pipeline))
            await asyncio.sleep(0)
        await reading
    assert 0 < waited < 250


WEBSOCKET = b"\r\n".join(
    [
        b"GET /v1/ws HTTP/1.1",
        b"host: localhost",
        b"connection: upgrade",
        b"upgrade: websocket",
        b"sec-websocket-version: 13",
        b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
        b"",
    ]
)


@pytest.mark.parametrize("framing", [b"content-length: 9", b"transfer-encoding: chunked"])
async def test_a_request_for_a_websocket_has_no_body(port: int, framing: bytes) -> None:
    async with RawClient.connected(port) as client:
        await client.say(WEBSOCKET + framing + b"\r\n\r\n")
        assert_refused(await client.answer(), 400, "malformed_request")
        assert await client.rest() == b""


async def test_a_request_for_a_websocket_that_the_package_cannot_read_is_answered(settings: Settings) -> None:
    async with serving(settings) as (port, _, _), RawClient.connected(port) as client:
        await client.say(WEBSOCKET.replace(b"/v1/ws", b"/v1/ws?" + b"a" * 20_000) + b"\r\n")
        assert (await client.answer()).status == 414
        assert await client.rest() == b""


async def test_a_websocket_does_not_begin_before_earlier_requests_are_answered(port: int) -> None:
    poll = f"GET /v1/jobs/{await submitted(port)}?wait=1 HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
    async with RawClient.connected(port) as client:
        await client.say(poll + WEBSOCKET + b"\r\n")
        assert json.loads((await client.answer()).body)["status"] == "queued"
        assert_refused(await client.answer(), 400, "malformed_request")


async def test_a_request_that_asks_for_an_unknown_protocol_hides_none_behind_it(port: int) -> None:
    asking = HEALTH[:-2] + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n"
    async with RawClient.connected(port) as client:
        await client.say(asking * 3 + b"GET /nothing HT")
        for _ in range(3):
            assert (await client.answer()).status == 200
        await client.say(b"TP/1.1\r\nhost: localhost\r\n\r\n")
        assert (await client.answer()).status == 404


async def submitted(port: int) -> str:
    body = json.dumps({"kind": "pdf.render", "input": {"html": "x"}}).encode()
    head = b"POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    async with RawClient.connected(port) as client:
        await client.say(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        return str(json.loads((await client.answer()).body)["id"])


async def test_an_answer_under_way_is_not_idle(settings: Settings) -> None:
    """A long poll, and half of the next request behind it."""
    async with serving(settings, bounds=replace(TIGHT, idle_s=0.2, head_s=0.2)) as (port, _, _):
        poll = f"GET /v1/jobs/{await submitted(port)}?wait=2 HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
        async with RawClient.connected(port) as client:
            await client.say(poll + HEALTH[:9])
            assert json.loads((await client.answer()).body)["status"] == "queued"
            assert_refused(await client.answer(), 408, "request_timeout")


async def test_a_bad_request_behind_others_is_refused_after_their_answers(port: int) -> None:
    poll = f"GET /v1/jobs/{await submitted(port)}?wait=1 HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
    async with RawClient.connected(port) as client:
        await client.say(poll + HEALTH + b"nonsense\r\n\r\n" + b"x" * 5000)
        assert json.loads((await client.answer()).body)["status"] == "queued"
        assert (await client.answer()).status == 200
        assert_refused(await client.answer(), 400, "malformed_request")


async def test_an_event_stream_is_not_idle(settings: Settings) -> None:
    async with serving(settings, bounds=replace(TIGHT, idle_s=0.2, head_s=0.2)) as (port, _, _):
        stream = b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n"
        async with RawClient.connected(port) as client, RawClient.connected(port) as idle:
            await client.say(stream)
            assert b"200 OK" in await client.until(b"\r\n\r\n")
            await idle.is_cut_off()
            job_id = await submitted(port)
            assert await client.until(job_id.encode())


async def test_a_websocket_is_not_bound_by_the_times_of_requests(settings: Settings) -> None:
    async with (
        serving(settings, bounds=replace(TIGHT, idle_s=0.2, head_s=0.2)) as (port, _, _),
        connect(f"ws://localhost:{port}/v1/ws") as websocket,
        RawClient.connected(port) as idle,
    ):
        await idle.is_cut_off()
        await websocket.send(json.dumps({"type": "ping"}))
        assert json.loads(await websocket.recv())["type"]


def answers_to_urllib(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """Returns status and code. urllib sends the whole body before it reads."""
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["code"]


EARLY_ANSWERS = [
    ("/v1/pdf", {"content-type": "text/html"}, 413, "body_too_large"),
    ("/v1/jobs", {"content-type": "application/json"}, 413, "body_too_large"),
    ("/v1/jobs", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
    ("/v1/pdf?nonsense=1", {"content-type": "text/html"}, 422, "invalid_input"),
    ("/v1/pdf", {"authorization": "Bearer nonsense"}, 401, "unauthenticated"),
    ("/nothing", {}, 404, "not_found"),
    ("/healthz", {}, 405, "method_not_allowed"),
]


@pytest.mark.parametrize(("path", "headers", "status", "code"), EARLY_ANSWERS)
async def test_an_early_answer_arrives_at_a_client_that_sends_first_and_reads_later(
    keyed_settings: Settings, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    limited = replace(keyed_settings, max_body_bytes=1024)
    sent = {"content-type": "text/html", "authorization": f"Bearer {ACME_KEY}", **headers}
    async with serving(limited) as (port, _, _):
        for _ in range(20):
            got = await asyncio.to_thread(
                answers_to_urllib, f"http://localhost:{port}{path}", b"x" * 11_000_000, sent
            )
            assert got == (status, code)


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
@pytest.mark.parametrize("framing", [b"content-length: 11000000", b"transfer-encoding: chunked"])
async def test_an_early_answer_says_that_the_connection_ends(
    port: int, version: bytes, framing: bytes
) -> None:
    async with RawClient.connected(port) as client:
        await client.say(b"POST /nothing %b\r\nhost: localhost\r\n%b\r\n\r\n" % (version, framing))
        await client.say(b"x" * 11_000_000)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) in ((404, "close"), (400, "close"))
        assert await client.rest() == b""


async def test_an_answer_to_a_request_that_is_complete_leaves_the_connection_open(port: int) -> None:
    async with RawClient.connected(port) as client:
        for _ in range(2):
            await client.say(b"POST /nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc")
            answer = await client.answer()
            assert (answer.status, "connection" in answer.headers) == (404, False)


@pytest.mark.parametrize("bounds", [replace(TIGHT, linger_s=0.3), replace(TIGHT, linger_bytes=1_000_000)])
async def test_what_follows_an_early_answer_is_read_within_bounds(
    settings: Settings, bounds: HttpBounds
) -> None:
    async with serving(settings, bounds=bounds) as (port, _, _), RawClient.connected(port) as client:
        await client.say(b"POST /nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999999999\r\n\r\n")
        with pytest.raises(ConnectionError):
            await client.say_for_ever(b"x" * 10_000)


async def test_an_endless_body_of_a_request_that_is_being_answered_is_cut_off(settings: Settings) -> None:
    async with (
        serving(settings, bounds=replace(TIGHT, linger_bytes=100_000)) as (port, _, _),
        RawClient.connected(port) as client,
    ):
        lines = [b"GET /v1/events HTTP/1.1", b"host: localhost", b"accept: text/event-stream"]
        await client.say(b"\r\n".join([*lines, b"content-length: 999999999", b"", b""]))
        assert b"200 OK" in await client.until(b"\r\n\r\n")
        with pytest.raises(ConnectionError):
            await client.say_for_ever(b"x" * 10_000)


async def test_a_server_that_stops_waits_for_no_idle_client(settings: Settings) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with serving(settings) as (port, _, _):
            for said in (
                b"",
                HEALTH[:9],
                b"nonsense\r\n\r\n",
                b"POST /nothing HTTP/1.1\r\ncontent-length: 9\r\n\r\n",
            ):
                client = await stack.enter_async_context(RawClient.connected(port))
                await client.say(said)
            await client.answer()
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < GRACE_SECONDS


async def test_a_client_that_does_not_read_its_answer_is_cut_off(settings: Settings) -> None:
    async with (
        serving(settings, bounds=replace(TIGHT, stalled_s=0.5)) as (port, server, _),
        RawClient.connected(port) as client,
    ):
        client.stop_reading()
        await client.say(b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n" * 200)
        await eventually(lambda: not server.server_state.connections)


async def test_connections_from_one_address_are_limited(settings: Settings) -> None:
    connections = ClientConnections(2, 100, is_one_client=lambda _: True)
    async with serving(settings, connections=connections) as (port, _, _):
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(2):
                first = await stack.enter_async_context(RawClient.connected(port))
                await first.say(HEALTH)
                assert (await first.answer()).status == 200
            for _ in range(3):
                async with RawClient.connected(port) as refused:
                    answer = await refused.answer()
                    assert_refused(answer, 429, "too_many_from_address")
                    assert int(answer.headers["retry-after"]) > 0
                    assert await refused.rest() == b""
        await eventually(lambda: connections.open == 0)
        async with RawClient.connected(port) as again:
            await again.say(HEALTH)
            assert (await again.answer()).status == 200


async def test_a_websocket_counts_as_a_connection_until_it_ends(settings: Settings) -> None:
    connections = ClientConnections(1, 100, is_one_client=lambda _: True)
    async with serving(settings, connections=connections) as (port, _, _):
        async with connect(f"ws://localhost:{port}/v1/ws"):
            async with RawClient.connected(port) as refused:
                assert_refused(await refused.answer(), 429, "too_many_from_address")
            await eventually(lambda: connections.open == 1)
        await eventually(lambda: connections.open == 0)


async def test_a_full_process_says_so(settings: Settings) -> None:
    async with (
        serving(settings, connections=ClientConnections(100, 1)) as (port, _, _),
        RawClient.connected(port) as first,
        RawClient.connected(port) as second,
    ):
        assert_refused(await second.answer(), 503, "server_busy")
        await first.say(HEALTH)
        assert (await first.answer()).status == 200


async def test_refusals_are_counted(settings: Settings) -> None:
    async with serving(settings, bounds=TIGHT) as (port, _, app):
        async with RawClient.connected(port) as client:
            await client.say(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 50 + b"\r\n")
            await client.answer()
        counted = 'pressrun_http_requests_total{method="other",route="none",status="431"} 1.0'
        assert counted in app.services.metrics.page().body.decode()


def upload_head(size: int, *more: bytes) -> bytes:
    lines = [b"POST /v1/pdf HTTP/1.1", b"host: localhost", b"content-type: text/html", *more]
    return b"\r\n".join([*lines, b"content-length: %d" % size, b"", b""])


@pytest.mark.parametrize("begun", [b"", b"<p>"])
async def test_a_body_that_comes_too_slowly_is_refused(settings: Settings, begun: bytes) -> None:
    bodies = BodyBounds(10_000, pace=lambda: BodyPace(patience_s=0.5, least_bytes_per_s=100))
    async with (
        serving(settings, build(settings, bodies=bodies)) as (port, _, _),
        RawClient.connected(port) as client,
    ):
        await client.say(upload_head(9_000) + begun)
        trickling = asyncio.create_task(client.trickle(begun * 3_000, 0.1))
        assert_refused(await client.answer(), 408, "body_timeout")
        trickling.cancel()


async def test_a_body_over_a_slow_line_is_accepted(settings: Settings) -> None:
    bodies = BodyBounds(10_000, pace=lambda: BodyPace(patience_s=3, least_bytes_per_s=10))
    async with (
        serving(settings, build(settings, bodies=bodies), bounds=TIGHT) as (port, _, _),
        RawClient.connected(port) as client,
    ):
        await client.say(upload_head(400))
        await client.trickle(b"x" * 400, 0.01)
        assert (await client.answer()).status == 202


async def test_a_client_may_wait_to_be_asked_for_its_body(port: int) -> None:
    async with RawClient.connected(port) as client:
        await client.say(upload_head(5, b"expect: 100-continue"))
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.say(b"<p>Hi")
        assert (await client.answer()).status == 202


@pytest.mark.parametrize("path", ["/v1/pdf", "/v1/templates/letter/preview"])
async def test_a_request_that_waits_for_its_pdf_keeps_no_memory_for_its_body(
    settings: Settings, path: str
) -> None:
    bodies = BodyBounds(10 * LARGE_BYTES, memory=BodyMemory(LARGE_BYTES))
    async with serving(settings, build(settings, bodies=bodies)) as (port, _, app):
        url = f"http://localhost:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            html, large = {"content-type": "text/html"}, b"x" * (2 * LARGE_BYTES)
            await client.put("/v1/templates/letter", json={"html": "{{ text }}"})
            sent: dict[str, Any] = (
                {"content": large, "headers": {**html, "prefer": "wait=25"}}
                if path == "/v1/pdf"
                else {"json": {"data": {"text": large.decode()}}, "headers": {"prefer": "wait=25"}}
            )
            waiting = asyncio.create_task(client.post(path, **sent))
            await eventually(lambda: "long_polls 1.0" in app.services.metrics.page().body.decode())
            assert (await client.post("/v1/pdf", content=large, headers=html)).status_code == 202
            assert not waiting.done()
            app.services.waiters.close()
            assert (await waiting).status_code == 202


async def test_trailers_of_a_body_are_ignored(port: int) -> None:
    lines = [b"POST /v1/pdf HTTP/1.1", b"host: localhost", b"content-type: text/html"]
    chunks = b"5\r\n<p>Hi\r\n0\r\nx-forwarded-for: 8.8.8.8\r\norigin: http://evil.example\r\n\r\n"
    async with RawClient.connected(port) as client:
        for _ in range(2):
            await client.say(b"\r\n".join([*lines, b"transfer-encoding: chunked", b"", chunks]))
            assert (await client.answer()).status == 202
