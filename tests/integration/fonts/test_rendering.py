"""Jobs whose documents name uploaded fonts: a worker runs them, with real render children."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from jobs.core.errors.job import RendererCrashed, StorageFailed
from jobs.core.errors.store import ArtifactsUnavailable
from jobs.core.job import Job
from jobs.fonts.font_check import examined
from jobs.kinds import Run, Runner
from jobs.kinds.pdf.render import PDF_RENDER
from jobs.render.parent.pool import RenderPool
from jobs.render.parent.starting import Spawner
from jobs.render.protocol.limits import FetchLimits, RenderLimits
from jobs.render.protocol.messages import OfferedFont, RenderRequest
from jobs.worker.timing import WorkerTiming
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.own_font import own_font
from testsupport.render_children import impostor
from testsupport.stuck_artifacts import StuckArtifacts
from testsupport.waiting import soon

ACME, GLOBEX = own_font(500, "House Sans"), own_font(700, "House Sans")
DOCUMENT = "<p style='font-family: House Sans'>text"
QUICK = WorkerTiming(artifact_retry_s=0.02, artifact_try_s=0.05, look_again_s=0.05)
LIMITS = RenderLimits(fetch=FetchLimits(mode="none"))

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    pool = RenderPool(size=1, limits=LIMITS)
    await pool.start()
    yield pool
    await pool.close()


@pytest_asyncio.fixture(loop_scope="module")
async def core(redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    client = Redis.from_url(redis_url)
    await client.flushall()
    await client.aclose()
    core = Core.open(redis_url, tmp_path)
    yield core
    await core.redis.aclose()


async def put(core: Core, tenant: str, name: str, font: bytes) -> None:
    await core.fonts.put(tenant, name, font, *examined(font))


async def ended(core: Core, job: Job) -> Job:
    return await core.store.get(job.tenant, job.id)


async def rendered(
    core: Core, runners: Mapping[str, Runner], *tenants: str, html: str = DOCUMENT, **options: Any
) -> list[Job]:
    """Runs a job with the document for each tenant, one after the other, and returns the jobs."""
    jobs = []
    async with core.worker(runners), Watcher.following(core.redis) as watcher:
        for tenant in tenants:
            spec = json.dumps(PDF_RENDER.canonical({"html": html}, options)).encode()
            job = await core.submit("pdf.render", tenant=tenant, spec=spec)
            await watcher.terminal(job.id)
            jobs.append(await ended(core, job))
    return jobs


@pytest.fixture
def runners(pool: RenderPool) -> dict[str, Runner]:
    return {"pdf.render": PDF_RENDER.runner(pool)}


async def body(core: Core, job: Job) -> bytes:
    assert job.document["status"] == "succeeded", job.document["error"]
    return await core.artifacts.get((await core.store.result_of(job.tenant, job.id)).path)


async def fonts_of(core: Core, job: Job) -> set[str]:
    with pikepdf.open(BytesIO(await body(core, job))) as opened:
        names = {
            str(item.BaseFont)
            for item in opened.objects
            if isinstance(item, pikepdf.Dictionary) and "/BaseFont" in item
        }
    return {name.partition("+")[2] for name in names}


def warnings(job: Job) -> list[str]:
    return [warning["code"] for warning in job.document["result"]["warnings"]]


def cached(jobs: list[Job]) -> list[bool]:
    return [job.document["result"]["cached"] for job in jobs]


async def test_each_tenant_gets_its_own_font_and_others_get_none(
    core: Core, runners: Mapping[str, Runner]
) -> None:
    await put(core, "acme", "house", ACME)
    await put(core, "globex", "house", GLOBEX)
    # In turns, in children that are used again and fresh ones that come from one fork server.
    jobs = await rendered(
        core, runners, "acme", "globex", "initech", "acme", "globex", "initech", cache=False
    )
    assert [warnings(job) for job in jobs] == [[], [], ["font_replaced"]] * 2
    assert [await fonts_of(core, job) == {"House-Sans"} for job in jobs] == [True, True, False] * 2
    acme, globex, initech, *again = [await body(core, job) for job in jobs]
    assert len({acme, globex, initech}) == 3
    assert again == [acme, globex, initech]


async def test_a_job_uses_the_fonts_that_are_there_when_its_attempt_begins(
    core: Core, runners: Mapping[str, Runner]
) -> None:
    spec = json.dumps(PDF_RENDER.canonical({"html": DOCUMENT}, {})).encode()
    waiting = await core.submit("pdf.render", spec=spec)
    await put(core, "acme", "house", ACME)
    async with core.worker(runners), Watcher.following(core.redis) as watcher:
        if not (await ended(core, waiting)).is_terminal:
            await watcher.terminal(waiting.id)
    assert await fonts_of(core, await ended(core, waiting)) == {"House-Sans"}


async def test_a_result_is_reused_only_while_the_fonts_are_the_same(
    core: Core, runners: Mapping[str, Runner]
) -> None:
    jobs = await rendered(core, runners, "acme", "acme")
    await put(core, "acme", "house", ACME)
    jobs += await rendered(core, runners, "acme", "acme")
    await put(core, "acme", "house", GLOBEX)
    jobs += await rendered(core, runners, "acme", "acme")
    await put(core, "acme", "house", ACME)
    jobs += await rendered(core, runners, "acme")
    await core.fonts.delete("acme", "house")
    jobs += await rendered(core, runners, "acme")
    assert cached(jobs) == [False, True, False, True, False, True, True, True]
    bodies = [await body(core, job) for job in jobs]
    assert bodies[0] == bodies[1] == bodies[7]
    assert bodies[2] == bodies[3] == bodies[6]
    assert len({bodies[0], bodies[2], bodies[4]}) == 3


async def test_fonts_are_used_where_documents_may_fetch_nothing(
    core: Core, runners: Mapping[str, Runner]
) -> None:
    await put(core, "acme", "house", ACME)
    html = f"<img src=https://example.com/a.png>{DOCUMENT}"
    (job,) = await rendered(core, runners, "acme", html=html)
    assert (await fonts_of(core, job), warnings(job)) == ({"House-Sans"}, ["asset_forbidden"])


async def test_a_job_whose_font_was_removed_while_it_waited_is_run_again(
    core: Core, pool: RenderPool
) -> None:
    await put(core, "acme", "house", ACME)
    attempts = 0
    run_render = PDF_RENDER.runner(pool)

    async def run(run: Run) -> Any:
        nonlocal attempts
        attempts += 1
        fonts = await run.fonts()
        if attempts == 1:  # an hour passes
            (font,) = (await core.fonts.all("acme")).fonts
            await core.artifacts.discard([font.path])
            with pytest.raises(StorageFailed, match="can be run again"):
                await fonts[0].read()
            await core.fonts.delete("acme", "house")
            await put(core, "acme", "house", GLOBEX)
        return await run_render(run)

    (job,) = await rendered(core, {"pdf.render": run}, "acme")
    assert job.document["attempt"] == attempts == 2
    assert await fonts_of(core, job) == {"House-Sans"}


class Refusing(StuckArtifacts):
    """Tells when a font was asked for in vain."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.refused = asyncio.Event()

    async def get(self, path: str) -> bytes:
        try:
            return await super().get(path)
        except ArtifactsUnavailable:
            self.refused.set()
            raise


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_render_waits_for_its_font_until_the_time_of_the_job_is_over(
    core: Core, runners: Mapping[str, Runner], comes_back: bool
) -> None:
    await put(core, "acme", "house", ACME)
    artifacts = core.artifacts = Refusing(core.settings.data_dir / "artifacts")
    spec = json.dumps(PDF_RENDER.canonical({"html": DOCUMENT}, {})).encode()
    artifacts.close(refuses=True)
    timeout_ms = 60_000 if comes_back else 500
    async with core.worker(runners, QUICK), Watcher.following(core.redis) as watcher:
        job = await core.submit("pdf.render", spec=spec, timeout_ms=timeout_ms, max_attempts=1)
        await soon(artifacts.refused)
        if comes_back:
            artifacts.open()
        await watcher.terminal(job.id)
        artifacts.open()
    job = await ended(core, job)
    if comes_back:
        assert await fonts_of(core, job) == {"House-Sans"}
    else:
        assert job.document["error"]["code"] in ("storage_failed", "render_timeout")


# --- hostile children

ASK = "send({'type': 'font', 'number': %s});"


def offered(content: bytes = b"x" * 1000) -> OfferedFont:
    async def read() -> bytes:
        return content

    return OfferedFont(families=["House Sans"], digest="d", read=read)


async def impostors_render(behaviour: str, *fonts: OfferedFont) -> None:
    pool = RenderPool(size=1, limits=LIMITS, starter=Spawner(impostor(behaviour)))
    await pool.start()
    try:
        request = RenderRequest(format="html", document="<p>", fonts=fonts)
        await pool.render(request, tenant="acme", timeout_ms=60_000, report=lambda progress: None)
    finally:
        await pool.close()


@pytest.mark.parametrize(
    "behaviour",
    [
        ASK % 1 + "time.sleep(600)",
        ASK % 0 + "worker.recv(65536);" + ASK % 0 + "time.sleep(600)",
        ASK % 0 + ASK % 0 + "time.sleep(600)",
    ],
    ids=["not offered", "again", "twice at once"],
)
async def test_a_child_gets_each_font_that_was_offered_once_and_no_other(behaviour: str) -> None:
    with pytest.raises(RendererCrashed, match="'font' comes out of turn"):
        await impostors_render(behaviour, offered())


async def test_a_child_that_does_not_take_a_font_gets_no_other() -> None:
    asks = ASK % 0 + "worker.recv(1);" + ASK % 1 + "time.sleep(600)"
    with pytest.raises(RendererCrashed, match="'font' comes out of turn"):
        await impostors_render(asks, offered(bytes(16 * 2**20)), offered())


async def test_a_render_whose_font_cannot_be_read_fails_with_the_reason() -> None:
    async def read() -> bytes:
        raise StorageFailed("The font house could not be read.")

    font = OfferedFont(families=["House Sans"], digest="d", read=read)
    with pytest.raises(StorageFailed, match="could not be read"):
        await impostors_render(ASK % 0 + "time.sleep(600)", font)


async def test_a_render_that_ends_while_its_font_is_read_leaves_nothing_running() -> None:
    reading, ended = asyncio.Event(), asyncio.Event()

    async def read() -> bytes:
        reading.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b""

    font = OfferedFont(families=["House Sans"], digest="d", read=read)
    render = asyncio.create_task(impostors_render(ASK % 0 + "time.sleep(600)", font))
    await reading.wait()
    render.cancel()
    await asyncio.wait([render])
    await ended.wait()
