"""What `pdf.merge` does to pages: turning, stamps, sheets with several pages, splitting."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from jobs.core.settings import Settings
from jobs.render.parent.pool import RenderPool
from testsupport import pdf_forms, pdfs
from testsupport.in_process import Pressrun, running_pressrun

THREE = pdfs.pages("one", "two", "three", bookmarks=True)
PART = {"file": "a.pdf"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def press(redis_url: str, redis: Redis, tmp_path: Path, pool: RenderPool) -> AsyncIterator[Pressrun]:
    async with running_pressrun(Settings(redis_url=redis_url, data_dir=tmp_path), pool) as press:
        yield press


async def merged(
    press: Pressrun, parts: list[dict[str, Any]], options: dict[str, Any], pdf: bytes = THREE
) -> dict[str, Any]:
    return await press.done("pdf.merge", {"parts": parts}, options, ("a.pdf", pdf))


def texts(pdf: bytes, password: str = "") -> list[str]:
    with pypdfium2.PdfDocument(pdf, password=password) as document:  # type: ignore[no-untyped-call]
        return [" ".join(page.get_textpage().get_text_range().split()) for page in document]


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


async def test_pages_of_a_part_are_turned(press: Pressrun) -> None:
    parts = [{**PART, "pages": "1,1", "rotate": 90}, {**PART, "pages": "1"}]
    with pikepdf.open(io.BytesIO(await press.result(await merged(press, parts, {})))) as pdf:
        assert [page.obj.get("/Rotate", 0) for page in pdf.pages] == [90, 90, 0]
        again = pdfs.saved(pdf)
    turned = [{**PART, "rotate": 270}]
    with pikepdf.open(io.BytesIO(await press.result(await merged(press, turned, {}, again)))) as pdf:
        assert [page.obj.get("/Rotate", 0) for page in pdf.pages] == [0, 0, 270]


async def test_a_part_that_is_turned_may_be_a_result_and_is_checked_as_such(press: Pressrun) -> None:
    source = await merged(press, [PART], {})
    job = await press.done("pdf.merge", {"parts": [{"job_id": source["id"], "rotate": 180}]})
    assert texts(await press.result(job)) == ["one", "two", "three"]
    refused = await press.submit("pdf.merge", {"parts": [{"job_id": "job_unknown", "rotate": 180}]})
    assert refused.status_code == 404
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/input/parts/0/job_id"]


async def test_numbers_run_over_all_parts_and_come_before_the_sheets(press: Pressrun) -> None:
    options = {
        "stamps": [
            {"text": "{page}/{pages}", "pages": "2-", "start": 1},
            {"text": "Å", "position": "top-left"},
        ],
        "imposition": {"n_up": 2, "sheet_size": "A4", "gap": "5mm"},
        "watermark": {"text": "DRAFT"},
        "linearize": True,
    }
    job = await merged(press, [PART, {**PART, "pages": "1"}], options)
    assert [warning["code"] for warning in job["result"]["warnings"]] == ["links_lost"]
    first, second = texts(await press.result(job))
    assert first.count("DRAFT") == first.count("1/3") == 1
    assert first.count("Å") == 2
    assert {"2/3", "3/3"} <= set(second.split())


async def test_a_booklet_is_merged_and_put_on_sheets(press: Pressrun) -> None:
    job = await merged(press, [PART], {"imposition": {"booklet": True, "right_to_left": True}})
    assert texts(await press.result(job)) == ["one", "three two"]
    assert job["result"]["pages"] == 2


async def test_a_pdf_is_split_into_a_zip_of_pdfs_with_the_same_bytes_each_time(press: Pressrun) -> None:
    options = {"split": {"every": 2}, "filename": "all.pdf", "stamps": [{"text": "no. {page}"}]}
    job = await merged(press, [PART], options)
    assert (job["result"]["content_type"], job["result"]["filename"]) == ("application/zip", "all.zip")
    assert job["result"]["pages"] == 3
    content = await press.result(job)
    found = {name: texts(pdf) for name, pdf in unzipped(content).items()}
    assert found == {"pages-001-002.pdf": ["one no. 1", "two no. 2"], "page-003.pdf": ["three no. 3"]}
    assert await press.result(await merged(press, [PART], options)) == content


async def test_each_bookmark_of_the_highest_level_begins_a_piece(press: Pressrun) -> None:
    parts = [{**PART, "title": "A/B"}, {**PART, "pages": "1", "title": "C"}]
    options = {"split": {"bookmarks": True}, "encrypt": {"user_password": "x"}, "metadata": {"title": "T"}}
    pieces = unzipped(await press.result(await merged(press, parts, options)))
    assert list(pieces) == ["001 A-B.pdf", "002 C.pdf"]
    assert texts(pieces["001 A-B.pdf"], "x") == ["one", "two", "three"]
    with pikepdf.open(io.BytesIO(pieces["002 C.pdf"]), password="x") as pdf:
        assert pdf.docinfo["/Title"] == "T"
        assert [item.title for item in pdf.open_outline().root] == ["C"]


async def test_attachments_are_left_out_of_pieces_with_a_warning(press: Pressrun) -> None:
    with pikepdf.open(io.BytesIO(THREE)) as pdf:
        pdf.attachments["a.txt"] = b"attached"
        content = pdfs.saved(pdf)
    job = await merged(press, [PART], {"split": {"ranges": ["3", "1-2"]}}, content)
    assert [warning["code"] for warning in job["result"]["warnings"]] == ["attachments_lost"]
    pieces = unzipped(await press.result(job))
    assert {name: texts(pdf) for name, pdf in pieces.items()} == {
        "part-001.pdf": ["three"],
        "part-002.pdf": ["one", "two"],
    }
    with pikepdf.open(io.BytesIO(pieces["part-001.pdf"])) as pdf:
        assert not pdf.attachments


async def test_fields_of_a_form_stay_fields_in_pieces(press: Pressrun) -> None:
    job = await merged(press, [PART, PART], {"split": {"every": 1}}, pdf_forms.application())
    for content in unzipped(await press.result(job)).values():
        with pikepdf.open(io.BytesIO(content)) as pdf:
            assert len(pdf.acroform.fields) > 5


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ({"stamps": [{"text": "x", "pages": "4"}]}, "page_out_of_range", "there is no page 4: it has 3"),
        ({"split": {"ranges": ["1", "4-"]}}, "page_out_of_range", "there is no page 4: it has 3"),
    ],
)
async def test_pages_that_the_merged_pdf_does_not_have_fail_the_job(
    press: Pressrun, options: dict[str, Any], code: str, says: str
) -> None:
    job = await merged(press, [PART], options)
    assert job["error"]["code"] == code
    assert says in job["error"]["message"]


async def test_pages_of_strange_sizes_are_stamped_and_put_on_sheets(press: Pressrun) -> None:
    for content in (pdfs.huge_page(), pdfs.endless_strip()):
        options = {"stamps": [{"text": "{page}"}], "imposition": {"n_up": 2, "sheet_size": "A4"}}
        job = await merged(press, [PART], options, content)
        assert texts(await press.result(job)) == ["1"]
