"""The commands that use a running server, against the real web process and a worker beside it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from jobs.core.errors.job import RenderFailed
from jobs.core.job import Progress, Result
from jobs.core.settings import Settings
from jobs.kinds import Run
from tests.integration.cli.conftest import Terminal
from testsupport.core import Core
from testsupport.ports import free_port
from testsupport.runners import Gate, instant
from testsupport.waiting import DEADLINE_S
from testsupport.web_server import serving


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "a.html"
    path.write_text("<h1>Hello</h1>")
    return path


async def test_render_writes_the_result_beside_the_document(
    terminal: Terminal, core: Core, document: Path
) -> None:
    """With long polls, because nothing listens on the WebSocket's port."""
    async with core.worker({"pdf.render": instant}):
        done = await terminal.run("render", str(document))
    assert done.exit_code == 0, done.stderr
    assert document.with_suffix(".pdf").read_bytes() == b"done"
    assert "1 page, 4 B" in done.stderr


async def test_render_follows_over_the_websocket(
    settings: Settings, core: Core, document: Path, tmp_path: Path
) -> None:
    port, gate = free_port(), Gate()
    settings = dataclasses.replace(settings, websocket_url=f"ws://127.0.0.1:{port}/v1/ws")
    async with serving(settings, port=port) as (_, _, app), core.worker({"pdf.render": gate}):
        running = asyncio.create_task(Terminal(port, tmp_path).run("render", str(document), "-o", "-"))
        async with asyncio.timeout(DEADLINE_S):
            await gate.begun.wait()
        gate.opened.set()
        done = await running
        assert b'route="/v1/jobs/{job_id}",status="200"' not in app.services.metrics.page().body, "it polled"
    assert done.stdout == "done"


async def test_render_reads_standard_input_and_writes_standard_output(terminal: Terminal, core: Core) -> None:
    async with core.worker({"pdf.render": instant}):
        done = await terminal.run("render", "-", stdin="<p>Hello")
    assert (done.exit_code, done.stdout) == (0, "done")


@pytest.mark.parametrize("document_name", ["index.html", "notes.md"])
async def test_render_sends_files_by_the_names_that_the_document_uses(
    terminal: Terminal, core: Core, tmp_path: Path, document_name: str
) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    for path in (
        site / document_name,
        site / "css" / "print.css",
        site / 'größe ".png',
        elsewhere / "logo.png",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    specs: list[dict[str, Any]] = []

    async def record(run: Run) -> Result:
        specs.append(dict(run.spec))
        return await instant(run)

    files = [site / "css" / "print.css", site / 'größe ".png', elsewhere / "logo.png"]
    flags = [part for path in files for part in ("--file", str(path))]
    async with core.worker({"pdf.render": record}):
        done = await terminal.run("render", f"site/{document_name}", *flags, "--options", '{"strict": true}')
    assert done.exit_code == 0, done.stderr
    (spec,) = specs
    assert spec["files"].keys() == {"css/print.css", 'größe ".png', "logo.png"}
    index = {} if document_name == "index.html" else {"index": document_name}
    assert spec["input"] == {"markdown" if document_name.endswith(".md") else "html": document_name} | index
    assert spec["options"] == {"strict": True}


async def test_render_sends_credentials_in_the_body_and_not_in_the_url(
    terminal: Terminal, core: Core, document: Path
) -> None:
    specs: list[dict[str, Any]] = []

    async def record(run: Run) -> Result:
        specs.append(dict(run.spec))
        return await instant(run)

    fetch = [{"origins": ["https://app.example"], "cookies": {"session": "hunter2"}}]
    async with core.worker({"pdf.render": record}):
        done = await terminal.run(
            "render", str(document), "--options", json.dumps({"fetch": fetch, "zoom": 2})
        )
    assert done.exit_code == 0, done.stderr
    assert (specs[0]["spec"]["options"], "sealed" in specs[0]) == ({"zoom": 2}, True)


async def test_render_finds_what_a_page_refers_to_and_says_what_it_sends(
    terminal: Terminal, core: Core, tmp_path: Path
) -> None:
    page = "<link rel=stylesheet href=../css/a.css><img src=../../../secret.png><a href=../index.html>x</a>"
    for name, content in {
        "work/site/ref/p.html": page,
        "work/site/css/a.css": "p { background: url(../logo.png) }",
        "work/site/logo.png": "",
        "work/site/index.html": "",
        "secret.png": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    terminal.directory = tmp_path / "work"
    specs: list[dict[str, Any]] = []

    async def record(run: Run) -> Result:
        specs.append(dict(run.spec))
        return await instant(run)

    async with core.worker({"pdf.render": record}):
        done = await terminal.run("render", "site/ref/p.html")
        rooted = await terminal.run("render", "site/ref/p.html", "--root", ".")
        piped = await terminal.run("render", "-", stdin="<img src=site/logo.png>")
    assert (done.exit_code, rooted.exit_code, piped.exit_code) == (0, 0, 0), done.stderr + rooted.stderr
    assert [spec["input"] for spec in specs] == [
        {"html": page, "index": "ref/p.html"},
        {"html": page, "index": "site/ref/p.html"},
        {"html": "<img src=site/logo.png>"},
    ]
    assert [spec["files"].keys() for spec in specs] == [
        {"css/a.css", "logo.png"},
        {"site/css/a.css", "site/logo.png"},
        {"site/logo.png"},
    ]
    assert "Sent with it: css/a.css, logo.png\n" in done.stderr
    assert "Not sent: ../../../secret.png: it is outside of" in done.stderr


async def test_submit_runs_a_job_of_any_kind_and_writes_its_result(
    terminal: Terminal, core: Core, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "form.pdf").write_bytes(b"%PDF-")
    (tmp_path / "input.json").write_text('{"file": "form.pdf", "fields": {"name": "Zo\u00eb"}}')
    runs: list[Run] = []

    async def record(run: Run) -> Result:
        runs.append(run)
        return Result(body=b"done", content_type="application/pdf", filename="a.pdf", details={"pages": 1})

    command = ["submit", "pdf.fill", "--input", "@input.json", "--options", '{"flatten": true}']
    async with core.worker({"pdf.fill": record}):
        done = await terminal.run(*command, "--file", "in/form.pdf", "-o", "filled.pdf")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "filled.pdf").read_bytes() == b"done"
    assert "filled.pdf: 1 page, 4 B" in done.stderr
    assert runs[0].spec["input"]["fields"] == {"name": "Zo\u00eb"}
    assert runs[0].spec["options"] == {"flatten": True}
    assert runs[0].files["form.pdf"] == b"%PDF-"


async def test_render_says_how_to_send_missing_files(terminal: Terminal, core: Core, document: Path) -> None:
    async def warned(run: Run) -> Result:
        result = await instant(run)
        warnings = [{"code": "relative_url", "message": "Relative URI: logo.png"}]
        return dataclasses.replace(result, details={**result.details, "warnings": warnings})

    async with core.worker({"pdf.render": warned}):
        done = await terminal.run("render", str(document))
    assert "warning: Relative URI: logo.png\n--file sends along" in done.stderr


async def test_render_says_why_a_job_failed(terminal: Terminal, core: Core, document: Path) -> None:
    async def broken(run: Run) -> Result:
        run.report(Progress(10, "layout", 1))
        raise RenderFailed("The document is broken.")

    async with core.worker({"pdf.render": broken}):
        done = await terminal.run("render", str(document))
    assert done.exit_code == 1
    assert "The document is broken. (render_failed, job_" in done.stderr
    assert not document.with_suffix(".pdf").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["render", "missing.html"], 2, "missing.html: No such file"),
        (["render", "https://example.com/"], 2, "Say with -o"),
        (["render", "https://example.com/", "-o", "a.pdf", "--file", "here"], 2, "not with a web page"),
        (["render", "-", "--file", "missing.png"], 2, "missing.png' does not exist"),
        (["render", "here", "--root", "/etc"], 2, "is not below it"),
        (["render", "-", "--options", '{"nonsense": 1}'], 1, "nonsense"),
        (["submit", "pdf.merge", "--input", "{", "-o", "-"], 2, "not JSON"),
        (["submit", "pdf.merge", "--input", "@missing", "-o", "-"], 2, "missing: No such file"),
        (["submit", "pdf.merge", "--input", "{}", "-o", "no/a.pdf"], 2, "there is no directory no"),
        (["submit", "pdf.merge", "--input", "{}", "-o", "-"], 1, "/input/parts"),
        (["jobs", "show", "job_x"], 1, "job_not_found"),
        (["jobs", "--status", "done"], 2, "'done' is not one of"),
        (["watch", "job_x"], 1, "job_not_found"),
    ],
)
async def test_errors_are_sentences_with_an_exit_code(
    terminal: Terminal, arguments: list[str], code: int, said: str
) -> None:
    (terminal.directory / "here").touch()
    done = await terminal.run(*arguments, stdin="<p>Hello")
    assert done.exit_code == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_wrong_key_and_no_server_have_different_exit_codes(
    terminal: Terminal, closed_port: int
) -> None:
    wrong = await terminal.run("jobs", PRESSRUN_API_KEY="wrong-key-0123456789")
    assert wrong.exit_code == 1
    assert "PRESSRUN_API_KEY" in wrong.stderr
    absent = await terminal.run("jobs", PORT=str(closed_port))
    assert absent.exit_code == 3
    assert "connection refused" in absent.stderr


async def test_a_url_without_a_scheme_is_http(terminal: Terminal, closed_port: int) -> None:
    here, elsewhere = f"127.0.0.1:{terminal.port}", str(closed_port)
    assert (await terminal.run("jobs", "--url", here, PORT=elsewhere)).stdout == "No jobs.\n"
    assert (await terminal.run("jobs", PRESSRUN_URL=here, PORT=elsewhere)).stdout == "No jobs.\n"


async def test_programs_get_a_long_fact_on_one_line(terminal: Terminal, core: Core) -> None:
    why = " ".join(["The document is broken."] * 20)

    async def broken(run: Run) -> Result:
        raise RenderFailed(why)

    job = await core.submit("pdf.render")
    async with core.worker({"pdf.render": broken}):
        await terminal.run("watch", job.id)
    lines = (await terminal.run("jobs", "show", job.id)).stdout.splitlines()
    assert f"error     render_failed: {why}" in lines
    assert [line for line in lines if line != line.rstrip()] == []


async def test_jobs_are_listed_shown_cancelled_retried_and_deleted(terminal: Terminal, core: Core) -> None:
    assert (await terminal.run("jobs")).stdout == "No jobs.\n"
    job = await core.submit("pdf.render", tags=("invoice",))
    listed = (await terminal.run("jobs", "--tag", "invoice")).stdout.splitlines()
    assert re.match(rf"{job.id}  queued     pdf\.render", listed[1])
    assert (await terminal.run("jobs", "--status", "failed")).stdout == "No jobs.\n"

    assert (await terminal.run("jobs", "cancel", job.id)).stdout == f"{job.id} is cancelled.\n"
    again = await terminal.run("jobs", "cancel", job.id)
    assert (again.exit_code, "already_finished" in again.stderr) == (1, True)
    shown = (await terminal.run("jobs", "show", job.id)).stdout
    assert re.search(r"^status +cancelled", shown, re.MULTILINE)
    assert "job.cancelled" in shown

    retried = (await terminal.run("jobs", "retry", job.id)).stdout
    new_id = retried.split()[0]
    assert f"retry of  {job.id}" in (await terminal.run("jobs", "show", new_id)).stdout
    assert (await terminal.run("jobs", "delete", job.id)).exit_code == 0
    assert (await terminal.run("jobs", "show", job.id)).exit_code == 1


async def test_watch_prints_events_until_it_is_interrupted(terminal: Terminal, core: Core) -> None:
    async with terminal.started("watch") as process:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            assert await process.stdout.readline() == b"Watching. Ctrl-C ends it.\n"
            job = await core.submit("pdf.render")
            assert f"{job.id}  queued     pdf.render" in (await process.stdout.readline()).decode()
            process.send_signal(signal.SIGINT)
            _, stderr = await process.communicate()
    assert (process.returncode, stderr) == (130, b"")


async def test_watch_follows_one_job_to_its_end(terminal: Terminal, core: Core) -> None:
    job = await core.submit("pdf.render")
    watching = asyncio.create_task(terminal.run("watch", job.id))
    async with core.worker({"pdf.render": instant}):
        done = await watching
    assert done.exit_code == 0
    assert "succeeded  pdf.render  1 page, 4 B" in done.stdout.splitlines()[-1]
    cancelled = await core.submit("pdf.render")
    await core.store.cancel("acme", cancelled.id)
    assert (await terminal.run("watch", cancelled.id)).exit_code == 1
