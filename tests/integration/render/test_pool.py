"""The pool with real render children."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pypdfium2
import pytest
import pytest_asyncio
import structlog
import uvloop

from jobs.core.errors.job import (
    JobError,
    RendererCrashed,
    RenderOutOfMemory,
    RenderTimeout,
    ResultTooLarge,
    StorageFailed,
)
from jobs.core.job import Progress
from jobs.render.parent.pool import RendererNotStarted, RenderOutcome, RenderPool, RenderRequest
from jobs.render.parent.starting import CHILD_COMMAND, ChildStarter, Spawner
from jobs.render.protocol.limits import MIB, FetchLimits, RenderLimits
from jobs.render.protocol.messages import PreviewRequest
from testsupport.documents import NESTED_FLEX, NONSENSE, SMALL, table
from testsupport.render_children import busy_pids, child_pids, impostor, is_render_child, open_files, runs
from testsupport.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
one_loop = pytest.mark.asyncio(loop_scope="module")

PATIENCE_SECONDS = 60
ASK = "send({'type': 'asset', 'url': 'http://127.0.0.1/'});"
"""An impostor asks the worker for an asset."""


class Reports(list[Progress]):
    """Collects the progress of a render."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = asyncio.Event()

    def __call__(self, progress: Progress) -> None:
        self.append(progress)
        self._begun.set()

    async def begun(self) -> None:
        """Waits until a child has reported progress."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._begun.wait()


@pytest.fixture(scope="module")
def scratch_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which the pools of this module make their temporary directories."""
    root = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(root))
        yield root


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(scratch_root: Path) -> AsyncIterator[RenderPool]:
    """Renders two documents at a time, for tests that kill no child."""
    pool = await own_pool(size=2)
    yield pool
    await pool.close()


def html(document: str) -> RenderRequest:
    return RenderRequest(format="html", document=document)


async def render(
    pool: RenderPool, document: str, *, timeout_ms: int = 60_000, reports: Reports | None = None
) -> RenderOutcome:
    return await pool.render(
        html(document), tenant="acme", timeout_ms=timeout_ms, report=Reports() if reports is None else reports
    )


async def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition that depends on other processes."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 (other processes give no signal)
            await asyncio.sleep(0.01)


async def own_pool(
    *, size: int = 1, limits: RenderLimits | None = None, starter: ChildStarter | None = None
) -> RenderPool:
    pool = RenderPool(size=size, limits=limits, starter=starter)
    await pool.start()
    return pool


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


@one_loop
class TestRendering:
    async def test_a_document_becomes_a_pdf_with_its_details(self, pool: RenderPool) -> None:
        outcome = await render(pool, SMALL)
        assert "Invoice 17" in text_of(outcome.body)
        assert outcome.details["pages"] == 1
        assert outcome.details["render_ms"] >= 0
        assert 20 * MIB < outcome.details["peak_memory_bytes"] < 500 * MIB
        assert outcome.details["warnings"] == []

    async def test_nonsense_is_rendered_with_warnings(self, pool: RenderPool) -> None:
        outcome = await render(pool, NONSENSE)
        assert outcome.body.startswith(b"%PDF-")
        assert {warning["code"] for warning in outcome.details["warnings"]} <= {
            "css_ignored",
            "glyph_missing",
            "image_undecodable",
        }

    async def test_progress_rises_stage_by_stage(self, pool: RenderPool) -> None:
        reports = Reports()
        outcome = await render(pool, table(2_000), reports=reports)
        assert [report.percent for report in reports] == sorted(report.percent for report in reports)
        assert [
            stage for stage in ("styles", "layout", "pdf") if stage in {report.stage for report in reports}
        ] == list(dict.fromkeys(report.stage for report in reports))
        assert "layout" in {report.stage for report in reports}
        assert 1 < (reports[-1].page or 0) <= outcome.details["pages"]

    async def test_renders_wait_for_a_free_child(self, pool: RenderPool) -> None:
        outcomes = await asyncio.gather(*(render(pool, f"<p>number {number}.") for number in range(12)))
        assert [f"number {number}." in text_of(outcome.body) for number, outcome in enumerate(outcomes)] == [
            True
        ] * 12
        assert pool.free == 2

    async def test_a_cancelled_wait_for_a_child_occupies_none(self, pool: RenderPool) -> None:
        reports = Reports()
        running = [asyncio.create_task(render(pool, table(2_000), reports=reports)) for _ in range(2)]
        waiting = asyncio.create_task(render(pool, SMALL))
        await reports.begun()
        waiting.cancel()
        await asyncio.gather(*running)
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert pool.free == 2

    async def test_a_large_pdf_arrives_whole(self, pool: RenderPool) -> None:
        noise = os.urandom(3 * MIB).hex()
        outcome = await render(pool, f'<link rel=attachment href="data:text/plain,{noise}">{SMALL}')
        assert len(outcome.body) > 2 * MIB
        assert outcome.body.rstrip().endswith(b"%%EOF")

    async def test_a_document_leaves_nothing_for_the_next_one(
        self, pool: RenderPool, scratch_root: Path
    ) -> None:
        font_face = (
            "@font-face { font-family: x; src: url(data:font/ttf;base64,AAEAAAA) } p { font-family: x }"
        )
        await render(pool, f"<style>{font_face}</style>{SMALL}")
        first = await render(pool, SMALL)
        second = await render(pool, SMALL)
        assert first.body == second.body
        (worker_directory,) = scratch_root.glob("pressrun-render-*")
        await until(
            lambda: not [path for path in worker_directory.rglob("*") if path.name.startswith("weasyprint")]
        )


@one_loop
class TestKilling:
    async def test_a_document_that_never_ends_is_stopped_at_the_deadline(self) -> None:
        pool = await own_pool()
        with pytest.raises(RenderTimeout, match=r"not rendered within 0\.5 s"):
            await render(pool, NESTED_FLEX, timeout_ms=500)
        assert pool.free == 1, "the spare takes over at once"
        assert (await render(pool, SMALL)).body
        await pool.close()

    async def test_a_document_that_needs_too_much_memory_is_stopped(self) -> None:
        pool = await own_pool(limits=RenderLimits(memory_bytes=150 * MIB))
        with pytest.raises(RenderOutOfMemory, match="more than 150 MiB"):
            await render(pool, table(20_000))
        assert (await render(pool, SMALL)).body
        await pool.close()

    async def test_a_child_that_dies_fails_only_its_own_document(self) -> None:
        pool = await own_pool(size=2)
        doomed_reports, other_reports = Reports(), Reports()
        doomed = asyncio.create_task(render(pool, NESTED_FLEX, reports=doomed_reports))
        await doomed_reports.begun()
        (pid,) = busy_pids(pool)
        other = asyncio.create_task(render(pool, table(2_000), reports=other_reports))
        await other_reports.begun()
        os.kill(pid, signal.SIGSEGV)
        with pytest.raises(RendererCrashed, match="killed by SIGSEGV") as crashed:
            await doomed
        assert crashed.value.retryable
        assert (await other).details["pages"] > 1
        await pool.close()

    async def test_cancelling_kills_the_child_within_a_second(self) -> None:
        pool = await own_pool()
        reports = Reports()
        task = asyncio.create_task(render(pool, NESTED_FLEX, reports=reports))
        await reports.begun()
        (pid,) = busy_pids(pool)
        task.cancel()
        async with asyncio.timeout(1):
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: not is_render_child(pid))
        assert pool.free == 1
        await pool.close()

    async def test_an_idle_child_that_dies_is_replaced_and_fails_no_document(self) -> None:
        others = set(child_pids())
        pool = await own_pool()
        before = set(child_pids()) - others
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        await until(lambda: killed not in pool.children)
        assert (await render(pool, SMALL)).body
        await until(lambda: len(set(child_pids()) - others - before) == 1 and pool.free == 1)
        await pool.close()

    async def test_children_ignore_the_signals_that_platforms_send_to_every_process(self) -> None:
        others = set(child_pids())
        pool = await own_pool()
        before = set(child_pids()) - others
        for pid in before:
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGINT)
        assert (await render(pool, SMALL)).body
        assert set(child_pids()) - others == before
        await pool.close()


@one_loop
class TestRecycling:
    async def test_a_child_is_replaced_after_its_number_of_documents_and_one_is_free_again(self) -> None:
        others = set(child_pids())
        pool = await own_pool(limits=RenderLimits(recycle_renders=2))
        before = set(child_pids()) - others
        for _ in range(4):
            await render(pool, SMALL)
            await until(lambda: pool.free == 1)  # the next one may still be forked
        await until(lambda: len(before & set(child_pids())) == 1)
        assert (await render(pool, SMALL)).body
        await pool.close()

    async def test_a_child_that_holds_too_much_memory_after_a_document_is_replaced(self) -> None:
        others = set(child_pids())
        pool = await own_pool(limits=RenderLimits(recycle_resident_bytes=1 * MIB))
        before = set(child_pids()) - others
        await render(pool, SMALL)
        await until(lambda: len(before & set(child_pids())) == 1)
        assert pool.free == 1
        await pool.close()


@one_loop
class TestSecretsAndCleanUp:
    async def test_nothing_is_left_when_the_pool_is_closed(self, scratch_root: Path) -> None:
        async def one_life() -> None:
            pool = await own_pool()
            reports = Reports()
            under_way = asyncio.create_task(render(pool, NESTED_FLEX, reports=reports))
            await reports.begun()
            await pool.close()
            with pytest.raises(RendererCrashed):
                await under_way

        await one_life()
        files, children, directories = open_files(), child_pids(), sorted(scratch_root.iterdir())
        await one_life()
        assert child_pids() == children
        assert sorted(scratch_root.iterdir()) == directories
        assert open_files() <= files

    async def test_the_temporary_directory_of_a_killed_render_is_gone(self, scratch_root: Path) -> None:
        pool = await own_pool()
        before = set(scratch_root.rglob("*"))
        with pytest.raises(RenderTimeout):
            await render(pool, NESTED_FLEX, timeout_ms=300)
        await until(lambda: not [path for path in scratch_root.rglob("weasyprint*") if path not in before])
        await pool.close()

    async def test_a_child_has_no_secrets_in_its_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in (
            "PRESSRUN_SECRET_KEY",
            "REDIS_URL",
            "AWS_SECRET_ACCESS_KEY",
            "DATABASE_URL",
            "HTTPS_PROXY",
        ):
            monkeypatch.setenv(name, "the-secret")
        known = child_pids()
        pool = await own_pool()
        for pid in set(child_pids()) - set(known):
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"the-secret" not in environment
            assert b"PRESSRUN" not in environment
        await pool.close()

    async def test_children_die_with_a_killed_worker_and_the_next_one_removes_its_files(
        self, tmp_path: Path
    ) -> None:
        worker = subprocess.Popen(  # noqa: ASYNC220 (it starts at once)
            [sys.executable, "-c", WORKER, str(tmp_path)], stderr=subprocess.PIPE, text=True
        )
        assert worker.stderr is not None
        pids = json.loads(await asyncio.to_thread(worker.stderr.readline))
        assert len(pids) == 2
        worker.kill()
        worker.wait()
        worker.stderr.close()
        await until(lambda: not any(runs(pid) for pid in pids))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(tmp_path))
            pool = await own_pool()
        assert len(list(tmp_path.glob("pressrun-render-*"))) == 1
        await pool.close()


WORKER = """
import asyncio, json, sys, tempfile
tempfile.tempdir = sys.argv[1]
from jobs.render.parent.pool import RenderPool
from testsupport.render_children import child_pids
async def main():
    await (pool := RenderPool(size=1)).start()
    print(json.dumps(child_pids()), file=sys.stderr, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@one_loop
class TestImpostors:
    """A child that a hostile document controls fails this document and nothing else."""

    @pytest.mark.parametrize(
        ("behaviour", "expected", "says"),
        [
            (
                "worker.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n'); time.sleep(600)",
                RendererCrashed,
                "unexpected",
            ),
            ("worker.sendall(pickle.dumps(print)); time.sleep(600)", RendererCrashed, "unexpected"),
            ("send({'type': 'rendered'}, b'%PDF-'); time.sleep(600)", RendererCrashed, "unexpected"),
            ("send(READY); time.sleep(600)", RendererCrashed, "out of turn"),
            (
                "send({'type': 'rendered', 'content_type': 'application/zip', 'pages': 1, 'render_ms': 1, "
                "'peak_memory_bytes': 1, 'warnings': []}, b'PK\\3\\4'); time.sleep(600)",
                RendererCrashed,
                "out of turn",
            ),
            (
                "send({'type': 'grown'}); send({'type': 'grown'}); time.sleep(600)",
                RendererCrashed,
                "out of turn",
            ),
            (
                "while True: send({'type': 'progress', 'percent': 1, 'stage': 'layout'})",
                RendererCrashed,
                "out of turn",
            ),
            (f"{ASK} {ASK} time.sleep(600)", RendererCrashed, "'asset' comes out of turn"),
            ("send({'type': 'more'}); time.sleep(600)", RendererCrashed, "'more' comes out of turn"),
            (
                "worker.sendall(struct.pack('!II', 2, 2**31)); time.sleep(600)",
                ResultTooLarge,
                "larger than 1 MiB",
            ),
            ("worker.sendall(struct.pack('!II', 2**31, 2)); time.sleep(600)", RendererCrashed, "unexpected"),
            ("sys.exit(7)", RendererCrashed, "exit code 7"),
            ("worker.close(); time.sleep(600)", RendererCrashed, "SIGKILL"),
            ("os.kill(os.getpid(), 6)", RendererCrashed, "SIGABRT"),
            (
                "send({'type': 'failed', 'code': 'render_failed', 'message': 'no'}); time.sleep(600)",
                JobError,
                "no",
            ),
        ],
    )
    async def test_a_misbehaving_child_fails_its_document_with_a_typed_error(
        self, behaviour: str, expected: type[JobError], says: str
    ) -> None:
        # A child that ends by itself gets time to do so, because its exit code is in the message.
        exit_seconds = 1 if says == "SIGKILL" else PATIENCE_SECONDS
        before = child_pids()
        limits = RenderLimits(max_result_bytes=1 * MIB, exit_seconds=exit_seconds)
        pool = await own_pool(limits=limits, starter=Spawner(impostor(behaviour)))
        with pytest.raises(expected, match=says):
            await render(pool, SMALL)
        await pool.close()
        assert child_pids() == before

    async def test_a_child_that_asks_on_after_a_final_refusal_is_killed(self) -> None:
        limits = RenderLimits(fetch=FetchLimits(mode="none"))
        behaviour = f"{ASK} worker.recv(65536); {ASK} time.sleep(600)"
        pool = await own_pool(limits=limits, starter=Spawner(impostor(behaviour)))
        with pytest.raises(RendererCrashed, match="'asset' comes out of turn"):
            await render(pool, SMALL)
        await pool.close()

    async def test_a_child_that_draws_pictures_may_ask_for_nothing(self) -> None:
        pool = await own_pool(starter=Spawner(impostor(f"{ASK} time.sleep(600)")))
        preview = PreviewRequest(pdf=b"%PDF-", options={}, produces=("image/png",))
        with pytest.raises(RendererCrashed, match="'asset' comes out of turn"):
            await pool.render(preview, tenant="acme", timeout_ms=60_000, report=Reports())
        await pool.close()


@one_loop
class TestStarting:
    async def test_a_renderer_that_cannot_start_says_why_and_leaves_nothing(self, scratch_root: Path) -> None:
        before, directories = child_pids(), sorted(scratch_root.iterdir())
        script = (
            "import socket; from jobs.render.protocol import wire;"
            "worker = socket.socket(fileno=0); worker.recv(65536);"
            "frame = {'type': 'failed', 'code': 'internal_error', 'message': 'Pango is missing'};"
            "worker.sendall(b''.join(wire.encode(frame)))"
        )
        with pytest.raises(RendererNotStarted, match="Pango is missing"):
            await RenderPool(size=2, starter=Spawner((sys.executable, "-c", script))).start()
        assert child_pids() == before
        assert sorted(scratch_root.iterdir()) == directories

    @pytest.mark.parametrize(
        ("command", "says"),
        [
            (("/nonexistent/python",), "could not be started"),
            ((sys.executable, "-c", "import sys; sys.exit(3)"), "exit code 3"),
            ((sys.executable, "-c", "import os; os.abort()"), "SIGABRT"),
        ],
    )
    async def test_a_child_that_cannot_get_ready_is_an_error(
        self, command: tuple[str, ...], says: str
    ) -> None:
        with pytest.raises(RendererNotStarted, match=says):
            await RenderPool(size=1, starter=Spawner(command)).start()

    @pytest.mark.parametrize(
        ("happens", "patience", "says"),
        [
            ("os.kill(os.getpid(), signal.SIGKILL)", PATIENCE_SECONDS, "SIGKILL"),
            ("os.kill(os.getpid(), signal.SIGTERM)", PATIENCE_SECONDS, "SIGTERM"),
            ("signal.pause()", 5, "not ready after 5 s"),
        ],
    )
    async def test_the_first_child_is_started_again_if_something_happens_to_it(
        self, tmp_path: Path, happens: str, patience: int, says: str
    ) -> None:
        script = (
            "import os, signal, sys\n"
            f"try: os.mkdir({str(tmp_path / 'happened')!r})\n"
            f"except FileExistsError: os.execv(sys.executable, {list(CHILD_COMMAND)!r})\n"
            f"{happens}"
        )
        limits = RenderLimits(start_seconds=patience)
        pool = RenderPool(size=1, limits=limits, starter=Spawner((sys.executable, "-c", script)))
        with structlog.testing.capture_logs() as logs:
            await pool.start()
        try:
            assert pool.free == 1
            (failed,) = [line for line in logs if line["event"] == "renderer.not_started"]
            assert says in failed["error"]
        finally:
            await pool.close()

    async def test_a_warm_child_that_dies_before_the_others_are_warm_is_replaced(
        self, tmp_path: Path
    ) -> None:
        first, go = tmp_path / "first", tmp_path / "go"
        waits = (
            "import os, time\n"
            f"try: os.mkdir({str(first)!r})\n"
            "except FileExistsError:\n"
            f"    while not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
        )
        *python, script = impostor("")
        pool = RenderPool(size=1, starter=Spawner((*python, waits + script)))
        starting = asyncio.create_task(pool.start())
        await eventually(lambda: len(pool.children) == 1)
        (killed,) = pool.children
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: len(pool.children) == 0)
        go.touch()
        await starting
        await eventually(lambda: len(pool.children) == 2)
        assert all(runs(pid) for pid in pool.children)
        await pool.close()

    async def test_no_child_is_lost_while_there_is_no_place_for_temporary_files(
        self, scratch_root: Path
    ) -> None:
        before = set(scratch_root.iterdir())
        pool = await own_pool(starter=Spawner())
        (directory,) = set(scratch_root.iterdir()) - before
        moved = directory.rename(directory.with_name("elsewhere"))
        try:
            for _ in range(3):
                with pytest.raises(StorageFailed):
                    await render(pool, SMALL)
            with structlog.testing.capture_logs() as logs:
                os.kill(next(iter(pool.children)), signal.SIGKILL)
                await eventually(lambda: any(line["event"] == "renderer.not_started" for line in logs))
            moved.rename(directory)
            assert (await render(pool, SMALL)).body
            await eventually(lambda: len(pool.children) == 2)
        finally:
            await pool.close()

    async def test_a_start_that_is_repeated_can_be_given_up(self, scratch_root: Path) -> None:
        before, directories = child_pids(), sorted(scratch_root.iterdir())
        script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
        pool = RenderPool(size=2, starter=Spawner((sys.executable, "-c", script)))
        starting = asyncio.create_task(pool.start())
        with structlog.testing.capture_logs() as logs:
            await eventually(lambda: any(line["event"] == "renderer.not_started" for line in logs))
        starting.cancel()
        await asyncio.wait([starting])
        assert starting.cancelled()
        assert child_pids() == before
        assert sorted(scratch_root.iterdir()) == directories


def test_the_pool_works_on_uvloop(scratch_root: Path) -> None:
    async def life() -> None:
        pool = await own_pool()
        assert (await render(pool, SMALL)).body
        with pytest.raises(RenderTimeout):
            await render(pool, NESTED_FLEX, timeout_ms=300)
        reports = Reports()
        task = asyncio.create_task(render(pool, NESTED_FLEX, reports=reports))
        await reports.begun()
        task.cancel()
        await asyncio.wait([task])
        await pool.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(life())
