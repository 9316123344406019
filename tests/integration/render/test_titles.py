"""The title of a document, from the document to lists of jobs and the name of the download."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from jobs.core.settings import Settings
from jobs.render.parent.pool import RenderPool
from testsupport.in_process import Pressrun, running_pressrun

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def press(redis_url: str, redis: Redis, tmp_path: Path, pool: RenderPool) -> AsyncIterator[Pressrun]:
    async with running_pressrun(Settings(redis_url=redis_url, data_dir=tmp_path), pool) as press:
        yield press


async def test_a_title_is_in_lists_of_jobs_and_names_the_download_and_its_pictures(press: Pressrun) -> None:
    job = await press.done("pdf.render", {"html": "<title>Prüfung: \u202e1/2</title><p>x"})
    assert job["result"]["title"] == "Prüfung: 1/2"
    (listed,) = (await press.http.get("/v1/jobs?kind=pdf.render")).json()["items"]
    assert listed["result"]["title"] == "Prüfung: 1/2"
    answer = await press.http.get(f"/v1/jobs/{job['id']}/result")
    assert answer.headers["content-disposition"] == (
        "inline; filename=\"Prufung - 1-2.pdf\"; filename*=UTF-8''Pr%C3%BCfung%20-%201-2.pdf"
    )
    picture = await press.done("pdf.preview", {"job_id": job["id"]})
    assert picture["result"]["filename"] == "Prüfung - 1-2.png"


async def test_an_earlier_result_brings_its_title_along(press: Pressrun) -> None:
    for cached, filename in ((False, "Chapter.pdf"), (True, "Chapter.pdf")):
        job = await press.done("pdf.render", {"markdown": "# Chapter"})
        assert job["result"]["cached"] is cached
        assert (job["result"]["title"], job["result"]["filename"]) == ("Chapter", filename)


async def test_a_merged_pdf_is_named_after_the_title_that_it_is_given(press: Pressrun) -> None:
    part = await press.done("pdf.render", {"html": "<h1>Part"})
    parts = {"parts": [{"job_id": part["id"]}]}
    job = await press.done("pdf.merge", parts, {"metadata": {"title": "All of it"}})
    assert (job["result"]["title"], job["result"]["filename"]) == ("All of it", "All of it.pdf")
    job = await press.done("pdf.merge", parts)
    assert job["result"]["filename"] == "merged.pdf"
    assert "title" not in job["result"]
