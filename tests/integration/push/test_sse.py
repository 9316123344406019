"""Server-sent events over real sockets and the real store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from api.app import Api, build, create_app
from api.push import Push
from jobs.core.settings import LOCAL_TENANT, ApiKey
from jobs.core.tokens import Scope, Tokens
from notifier.transports.sessions import Sessions
from notifier.transports.sse import EventStreams, StreamTiming
from testsupport.core import Core
from testsupport.waiting import DEADLINE_S, eventually
from testsupport.web_server import serving

SECRET = "s" * 32
KEY = "acme-key-0123456789"


class Stream:
    """A client that keeps what it reads."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.last_id = ""
        self.comments = 0
        self.retry_ms = 0

    async def next(self) -> dict[str, Any]:
        """The next event: `event` and `data`."""
        message: dict[str, Any] = {}
        async with asyncio.timeout(DEADLINE_S):
            while line := await self.answer.content.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                match name:
                    case "id":
                        self.last_id = value
                    case "retry":
                        self.retry_ms = int(value)
                    case "event":
                        message["event"] = value
                    case "data":
                        message["data"] = json.loads(value)
                    case _ if line.startswith(b":"):
                        self.comments += 1
                    case "" if message:
                        return message
        raise EOFError

    async def opened(self) -> None:
        """Returns when the stream has sent its first id."""
        async with asyncio.timeout(DEADLINE_S):
            while not self.last_id:
                name, _, value = (await self.answer.content.readline()).decode().partition(": ")
                if name == "id":
                    self.last_id = value.strip()


class Site:
    def __init__(self, port: int, http: aiohttp.ClientSession) -> None:
        self.url = f"http://127.0.0.1:{port}/v1/events"
        self._http = http

    @contextlib.asynccontextmanager
    async def stream(self, query: str = "", **headers: str) -> AsyncIterator[Stream]:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._http.get(
            self.url + query, headers={"Accept": "text/event-stream", **headers}
        ) as answer:
            assert answer.status == 200, await answer.text()
            yield Stream(answer)

    async def status(self, query: str = "", **headers: str) -> int:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._http.get(
            self.url + query, headers={"Accept": "text/event-stream", **headers}
        ) as answer:
            return answer.status


def app_of(core: Core, timing: StreamTiming) -> Api:
    """The web app with other timing of its streams."""
    services = build(core.settings).services
    sessions = Sessions(core.settings, services.tokens, services.hub)
    return create_app(services, Push(sessions, EventStreams(services.hub, services.clock, timing)))


@contextlib.asynccontextmanager
async def site_of(core: Core, app: Api | None = None) -> AsyncIterator[Site]:
    async with serving(core.settings, app) as (port, _, _), aiohttp.ClientSession() as http:
        yield Site(port, http)


@pytest.fixture
async def site(core: Core) -> AsyncIterator[Site]:
    async with site_of(core) as site:
        yield site


async def test_events_come_from_now_on_with_the_bytes_of_the_log(core: Core, site: Site) -> None:
    await core.submit(tenant=LOCAL_TENANT)
    async with site.stream() as stream:
        await stream.opened()
        job = await core.submit(tenant=LOCAL_TENANT)
        await core.store.cancel(LOCAL_TENANT, job.id)

        first, second = await stream.next(), await stream.next()

    assert [first["event"], second["event"]] == ["job.queued", "job.cancelled"]
    assert [first["data"], second["data"]] == [
        json.loads(body) for body in await core.log.of_job(LOCAL_TENANT, job.id)
    ]
    assert stream.last_id == str(await core.log.head(LOCAL_TENANT))


async def test_a_client_that_comes_back_misses_nothing(core: Core, site: Site) -> None:
    async with site.stream() as stream:
        await stream.opened()
    jobs = [await core.submit(tenant=LOCAL_TENANT) for _ in range(3)]

    async with site.stream(Last_Event_ID=stream.last_id) as again:
        seen = [(await again.next())["data"]["data"]["job"]["id"] for _ in jobs]

    assert seen == [job.id for job in jobs]


async def test_a_filter_leaves_events_out_and_the_cursor_passes_them(core: Core) -> None:
    app = app_of(core, StreamTiming(heartbeat_s=0.1))
    async with site_of(core, app) as site, site.stream("?types=job.cancelled&tags=a,b") as stream:
        await stream.opened()
        other, job = (
            await core.submit(tenant=LOCAL_TENANT),
            await core.submit(tenant=LOCAL_TENANT, tags=("b",)),
        )
        for each in (other, job):
            await core.store.cancel(LOCAL_TENANT, each.id)
        event = await stream.next()
        await core.submit(tenant=LOCAL_TENANT)
        head = str(await core.log.head(LOCAL_TENANT))
        async with asyncio.timeout(DEADLINE_S):
            while stream.last_id != head:
                name, _, value = (await stream.answer.content.readline()).decode().partition(": ")
                stream.last_id = value.strip() if name == "id" else stream.last_id

    assert event["data"]["data"]["job"]["id"] == job.id


async def test_json_pages_take_the_same_filters(core: Core, site: Site) -> None:
    await core.submit(tenant=LOCAL_TENANT)
    job = await core.submit(tenant=LOCAL_TENANT)
    async with aiohttp.ClientSession() as http, http.get(f"{site.url}?job_id={job.id}") as answer:
        page = await answer.json()

    assert [event["data"]["job"]["id"] for event in page["items"]] == [job.id]
    assert page["next_cursor"] == str(await core.log.head(LOCAL_TENANT))


async def test_a_cursor_older_than_the_log_gets_a_reset(core: Core, site: Site) -> None:
    await core.submit(tenant=LOCAL_TENANT)
    async with site.stream() as stream:
        await stream.opened()
    for _ in range(3):
        await core.submit(tenant=LOCAL_TENANT)
    await core.redis.xtrim(f"pr:log:{LOCAL_TENANT}", maxlen=1, approximate=False)
    head = str(await core.log.head(LOCAL_TENANT))

    for cursor, reason in ((stream.last_id, "retention"), ("zzzzzz.1", "epoch")):
        async with site.stream(Last_Event_ID=cursor) as late:
            reset = await late.next()
        assert reset == {"event": "reset", "data": {"reason": reason, "cursor": head}}
        assert late.last_id == head


@pytest.mark.parametrize(
    "query", ["?after=yesterday", "?colour=red", "?kinds=", "?types=" + ",".join("x" * 40)]
)
async def test_a_query_that_makes_no_sense_is_refused(site: Site, query: str) -> None:
    assert await site.status(query) == 422


async def test_tokens_open_what_they_were_made_for_and_the_stream_ends_with_them(
    core: Core, redis_url: str, tmp_path: Path
) -> None:
    environ = {"PRESSRUN_API_KEYS": f"acme:{KEY}", "PRESSRUN_SECRET_KEY": SECRET}
    closed = Core.open(redis_url, tmp_path, PRESSRUN_HOST="127.0.0.1", **environ)
    assert closed.settings.api_keys == (ApiKey("acme", KEY),)
    job, other = await closed.submit(), await closed.submit()

    def bearer(scope: Scope, ttl: int = 60) -> dict[str, str]:
        return {"Authorization": "Bearer " + Tokens([SECRET]).mint("acme", scope, time.time(), ttl)[0]}

    async with site_of(closed) as site:
        mine = bearer(Scope(job_id=job.id))
        assert await site.status() == 401
        assert await site.status(**mine) == 403
        assert await site.status(f"?job_id={other.id}", **mine) == 403
        async with site.stream(f"?job_id={job.id}", **mine) as stream:
            await stream.opened()
            for each in (other, job):
                await closed.store.cancel("acme", each.id)
            assert (await stream.next())["data"]["data"]["job"]["id"] == job.id
        async with site.stream(**bearer(Scope(channel="jobs"), ttl=3)) as stream:
            with pytest.raises(EOFError):
                await stream.next()
    await closed.redis.aclose()


async def test_when_the_process_stops_streams_end_with_a_time_to_reconnect(core: Core) -> None:
    async with (
        serving(core.settings) as (port, server, _),
        aiohttp.ClientSession() as http,
        Site(port, http).stream() as stream,
    ):
        await stream.opened()
        server.should_exit = True
        with pytest.raises(EOFError):
            await stream.next()
    assert stream.retry_ms >= 0


async def test_a_client_that_never_reads_is_cut_off_and_others_are_served(core: Core) -> None:
    app = app_of(core, StreamTiming(send_timeout_s=0.2))
    async with serving(core.settings, app) as (port, _, _), aiohttp.ClientSession() as http:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        await eventually(lambda: len(app.push.streams.open) == 1)
        async with Site(port, http).stream("?types=job.cancelled") as reader:
            await reader.opened()
            for _ in range(60):
                await core.submit(tenant=LOCAL_TENANT, metadata={"x": "x" * 200_000})
            job = await core.submit(tenant=LOCAL_TENANT)
            await eventually(lambda: len(app.push.streams.open) == 1)
            await core.store.cancel(LOCAL_TENANT, job.id)
            assert (await reader.next())["data"]["data"]["job"]["id"] == job.id
        writer.close()


async def test_a_stream_more_than_the_tenant_may_have_is_refused_with_429(
    core: Core, redis_url: str, tmp_path: Path
) -> None:
    full = Core.open(redis_url, tmp_path, PRESSRUN_MAX_CONNECTIONS="1")
    async with site_of(full) as site, site.stream() as stream:
        await stream.opened()
        assert await site.status() == 429
    await full.redis.aclose()


async def test_a_head_request_is_answered_without_a_stream(site: Site) -> None:
    headers = {"Accept": "text/event-stream"}
    async with aiohttp.ClientSession() as http, http.head(site.url, headers=headers) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
