"""Headers, footers and the choice of pages, through the API and a real render child."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from jobs.core.settings import Settings
from jobs.render.parent.pool import RenderPool
from testsupport.in_process import Pressrun, running_pressrun

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEADER = "<p>head <span class=page></span> of <span class=pages></span></p>"
TWO_PAGES = "<h1>One</h1><h1 style='break-before: page'>Two</h1>"
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><text y="15">logo</text></svg>'


@pytest_asyncio.fixture(loop_scope="module")
async def press(redis_url: str, redis: Redis, tmp_path: Path, pool: RenderPool) -> AsyncIterator[Pressrun]:
    async with running_pressrun(Settings(redis_url=redis_url, data_dir=tmp_path), pool) as press:
        yield press


def texts(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(io.BytesIO(pdf))  # type: ignore[no-untyped-call]
    return [" ".join(page.get_textpage().get_text_bounded().split()) for page in document]


async def result(press: Pressrun, job: dict[str, Any]) -> list[str]:
    return texts((await press.http.get(f"/v1/jobs/{job['id']}/result")).content)


async def test_a_header_is_on_each_page_and_another_one_makes_another_pdf(press: Pressrun) -> None:
    for html, cached in ((HEADER, False), (HEADER, True), (HEADER + "!", False)):
        job = await press.done("pdf.render", {"html": TWO_PAGES}, {"header_html": html})
        assert job["result"]["cached"] is cached
        assert job["result"]["warnings"] == []
        assert all(f"head {number} of 2" in text for number, text in enumerate(await result(press, job), 1))


async def test_the_options_come_in_the_url_and_as_a_form_field(press: Pressrun) -> None:
    options = json.dumps({"footer_html": {"default": HEADER, "first": ""}, "page_ranges": "1-"})
    query = await press.http.post(
        "/v1/pdf",
        params={"options": options},
        content=TWO_PAGES,
        headers={"content-type": "text/html", "prefer": "wait=25"},
    )
    form = await press.http.post(
        "/v1/pdf",
        data={"options": options},
        files={"file": ("index.html", TWO_PAGES.encode())},
        headers={"prefer": "wait=25"},
    )
    for answer in (query, form):
        first, second = texts(answer.content)
        assert first == "One"
        assert sorted(second.split()) == sorted(["Two", "head", "2", "of", "2"])


async def test_pictures_of_a_header_come_from_the_files_of_the_document(press: Pressrun) -> None:
    options = {"header_html": "<img src=../img/logo.svg>"}
    answer = await press.http.post(
        "/v1/pdf",
        data={"options": json.dumps(options), "index": "ref/page.html"},
        files=[("file", ("ref/page.html", TWO_PAGES.encode())), ("file", ("img/logo.svg", LOGO))],
        headers={"prefer": "wait=25"},
    )
    assert "pressrun-warnings" not in answer.headers
    assert all("logo" in text for text in texts(answer.content))


async def test_markdown_and_templates_have_headers_too(press: Pressrun) -> None:
    markdown = await press.done("pdf.render", {"markdown": "# One"}, {"header_html": HEADER})
    assert "head 1 of 1" in (await result(press, markdown))[0]
    answer = await press.http.put("/v1/templates/letter", json={"html": "<h1>Dear {{ name }}</h1>"})
    assert answer.status_code in (200, 201)
    filled = {"template": "letter", "data": {"name": "Ada"}}
    letter = await press.done("pdf.render", filled, {"header_html": "<b class=title></b> {{ name }}"})
    assert "{{ name }}" in (await result(press, letter))[0]


async def test_a_page_that_does_not_exist_fails_the_job_for_good(press: Pressrun) -> None:
    job = await press.done("pdf.render", {"html": TWO_PAGES}, {"page_ranges": "3"})
    assert (job["status"], job["attempt"]) == ("failed", 1)
    assert job["error"]["code"] == "page_out_of_range"
    assert job["error"]["retryable"] is False
