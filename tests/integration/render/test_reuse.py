"""The same document is rendered once. A worker runs the jobs, with real render children."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from jobs.core.job import Job
from jobs.kinds import Runner
from jobs.kinds.pdf.render import PDF_RENDER
from jobs.render.parent.pool import RenderPool
from jobs.render.protocol.limits import FetchLimits, RenderLimits
from jobs.store import keys
from testsupport.core import Core
from testsupport.event_watcher import Watcher

DOCUMENT = "<title>Invoice 17</title><h1 style='colr:red'>Invoice 17</h1>"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def runners() -> AsyncIterator[Mapping[str, Runner]]:
    """The runner of `pdf.render`, whose documents may fetch from this machine."""
    fetch = FetchLimits(egress_allow=("127.0.0.1",))
    pool = RenderPool(size=1, limits=RenderLimits(fetch=fetch))
    await pool.start()
    yield {"pdf.render": PDF_RENDER.runner(pool)}
    await pool.close()


@pytest_asyncio.fixture(loop_scope="module")
async def core(redis_url: str, redis: Redis, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path)
    yield core
    await core.redis.aclose()


async def done(core: Core, runners: Mapping[str, Runner], *specs: Any, tenant: str = "acme") -> list[Job]:
    """Runs a job for each (input, options), one after the other, and returns the jobs."""
    jobs = []
    async with core.worker(runners), Watcher.following(core.redis) as watcher:
        for input, options in specs:
            spec = json.dumps(PDF_RENDER.canonical(input, options)).encode()
            job = await core.submit("pdf.render", tenant=tenant, spec=spec)
            await watcher.terminal(job.id)
            jobs.append(await core.store.get(tenant, job.id))
    return jobs


async def body(core: Core, job: Job) -> bytes:
    return await core.artifacts.get((await core.store.result_of(job.tenant, job.id)).path)


def cached(jobs: list[Job]) -> list[bool]:
    return [job.document["result"]["cached"] for job in jobs]


@contextmanager
def picture_server() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_the_second_job_gets_a_copy_with_the_same_warnings_and_its_own_file_name(
    core: Core, runners: Mapping[str, Runner]
) -> None:
    first, second = await done(
        core, runners, ({"html": DOCUMENT}, {}), ({"html": DOCUMENT}, {"filename": "b.pdf"})
    )
    assert cached([first, second]) == [False, True]
    ours, theirs = first.document["result"], second.document["result"]
    assert theirs["filename"] == "b.pdf"
    changed = {"url", "filename", "cached"}
    assert {k: v for k, v in ours.items() if k not in changed} == {
        k: v for k, v in theirs.items() if k not in changed
    }
    assert ours["warnings"][0]["code"] == "css_ignored"
    assert await body(core, first) == await body(core, second)


async def test_other_options_another_tenant_and_cache_false_are_not_reused(
    core: Core, runners: Mapping[str, Runner]
) -> None:
    same = {"html": DOCUMENT}
    jobs = await done(core, runners, (same, {}), (same, {"zoom": 2}), (same, {"cache": False}))
    jobs += await done(core, runners, (same, {}), tenant="other")
    assert cached(jobs) == [False, False, False, False]


async def test_a_result_is_reused_only_for_a_document_at_the_same_place(
    core: Core, runners: Mapping[str, Runner]
) -> None:
    root, folder = {"html": DOCUMENT}, {"html": DOCUMENT, "index": "ref/a.html"}
    jobs = await done(core, runners, (root, {}), (folder, {}), (folder, {}))
    assert cached(jobs) == [False, False, True]


async def test_a_document_that_asks_for_something_outside_is_rendered_each_time(
    core: Core, runners: Mapping[str, Runner]
) -> None:
    with picture_server() as url:
        input = {"html": f"{DOCUMENT}<img src={url}/missing.png>"}
        assert cached(await done(core, runners, (input, {}), (input, {}))) == [False, False]
    pixel = "data:image/gif;base64,R0lGODdhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs="
    input = {"html": f"{DOCUMENT}<img src={pixel}>"}
    assert cached(await done(core, runners, (input, {}), (input, {}))) == [False, True]


async def test_deleting_a_job_affects_no_copy_of_its_result_and_ends_its_reuse(
    core: Core, runners: Mapping[str, Runner]
) -> None:
    same: Any = ({"html": DOCUMENT}, {})
    first, second = await done(core, runners, same, same)
    await core.store.delete("acme", first.id)
    assert (await body(core, second)).startswith(b"%PDF-")
    await core.store.delete("acme", second.id)
    (third,) = await done(core, runners, same)
    assert cached([third]) == [False]


async def test_a_document_whose_earlier_result_is_missing_or_damaged_is_rendered(
    core: Core, runners: Mapping[str, Runner]
) -> None:
    same: Any = ({"html": DOCUMENT}, {})
    (first,) = await done(core, runners, same)
    path = (await core.store.result_of("acme", first.id)).path
    await core.artifacts.put(path, b"%PDF-damaged")
    (second,) = await done(core, runners, same)
    await core.artifacts.discard([(await core.store.result_of("acme", second.id)).path])
    (third,) = await done(core, runners, same)
    assert cached([second, third]) == [False, False]


async def test_a_result_can_be_reused_until_it_expires(core: Core, runners: Mapping[str, Runner]) -> None:
    await done(core, runners, ({"html": DOCUMENT}, {}))
    (key,) = [key async for key in core.redis.scan_iter(f"{keys.RENDER}*")]
    assert 0 < await core.redis.pttl(key) <= core.settings.result_ttl * 1000


async def test_a_strict_job_fails_because_of_the_warnings_of_a_copy(
    core: Core, runners: Mapping[str, Runner]
) -> None:
    same = {"html": DOCUMENT}
    _, strict = await done(core, runners, (same, {}), (same, {"strict": True}))
    assert strict.document["error"]["code"] == "strict_warnings"
