"""`pdf.text`, from submission to result: through the API, a worker and its render children."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from jobs.core.settings import Settings
from jobs.render.parent.pool import RenderPool
from jobs.render.protocol.limits import FetchLimits, RenderLimits
from testsupport import pdf_forms, pdfs
from testsupport.in_process import Pressrun, running_pressrun

TWO_PAGES = "<p>Größe 中文<p style='break-before: page'>second"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def press(redis_url: str, redis: Redis, tmp_path: Path, pool: RenderPool) -> AsyncIterator[Pressrun]:
    async with running_pressrun(Settings(redis_url=redis_url, data_dir=tmp_path), pool) as press:
        yield press


async def test_the_text_of_a_result_is_served_as_text(press: Pressrun) -> None:
    source = await press.done("pdf.render", {"html": TWO_PAGES}, {"filename": "Report.pdf"})
    job = await press.done("pdf.text", {"job_id": source["id"]})
    assert (await press.result(job)).decode() == "Größe 中文\fsecond\f"
    assert (job["result"]["filename"], job["result"]["pages"]) == ("Report.txt", 2)
    served = await press.http.get(f"/v1/jobs/{job['id']}/result")
    assert served.headers["content-type"] == "text/plain; charset=utf-8"
    assert served.headers["content-disposition"] == 'attachment; filename="Report.txt"'
    assert served.headers["x-content-type-options"] == "nosniff"


async def test_json_has_the_pages_and_the_fields(press: Pressrun) -> None:
    options = {"format": "json", "pages": "1"}
    job = await press.done("pdf.text", {"file": "a.pdf"}, options, ("a.pdf", pdf_forms.application()))
    assert (job["result"]["content_type"], job["result"]["filename"]) == ("application/json", "a.json")
    found = json.loads(await press.result(job))
    assert [field["name"] for field in found["fields"]][:2] == ["name", "notes"]


async def test_a_text_is_no_source_of_another_job(press: Pressrun) -> None:
    job = await press.done("pdf.text", {"file": "a.pdf"}, {}, ("a.pdf", pdfs.pages("x")))
    answer = await press.submit("pdf.text", {"job_id": job["id"]})
    assert answer.status_code == 422
    assert "text/plain; charset=utf-8, not a PDF" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "options", "code", "says"),
    [
        (b"<html>no PDF at all", {}, "pdf_unreadable", "The file is an HTML document, not a PDF"),
        (pdfs.truncated(), {}, "pdf_unreadable", "its end is missing"),
        (pdfs.encrypted("secret"), {}, "pdf_encrypted", "The file is encrypted"),
        (pdfs.cyclic_pages(), {}, "pdf_unreadable", "Failed to load page"),
        (pdfs.pages("only"), {"pages": "2"}, "page_out_of_range", "there is no page 2: it has 1"),
    ],
    ids=["html", "truncated", "encrypted", "cyclic-pages", "short"],
)
async def test_a_pdf_that_cannot_be_read_fails_the_job_and_kills_no_child(
    press: Pressrun, content: bytes, options: dict[str, Any], code: str, says: str
) -> None:
    children = press.pool.children.keys()
    job = await press.done("pdf.text", {"file": "a.pdf"}, options, ("a.pdf", content))
    assert (job["status"], job["error"]["code"]) == ("failed", code)
    assert says in job["error"]["message"]
    assert press.pool.children.keys() == children


async def test_bombs_are_stopped_by_the_limits_of_a_render(
    redis_url: str, redis: Redis, tmp_path: Path
) -> None:
    limits = RenderLimits(fetch=FetchLimits(mode="none"), memory_bytes=300 * pdfs.MIB)
    pool = RenderPool(size=1, limits=limits)
    await pool.start()
    async with running_pressrun(Settings(redis_url=redis_url, data_dir=tmp_path), pool) as press:
        for bomb in (pdfs.content_bomb(), pdfs.text_bomb()):
            job = await press.done("pdf.text", {"file": "a.pdf"}, {}, ("a.pdf", bomb))
            assert job["error"]["code"] == "render_out_of_memory"
        job = await press.done("pdf.text", {"file": "a.pdf"}, {}, ("a.pdf", pdfs.pages("alive")))
        assert (await press.result(job)) == b"alive\f"
    await pool.close()
