"""`pdf.merge`, from submission to result: through the API, a worker and its render children."""

from __future__ import annotations

import datetime
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from jobs.core.settings import ApiKey, Settings
from jobs.kinds.pdf.merge import PdfMerge
from jobs.render.parent.pool import RenderPool
from jobs.render.protocol.limits import FetchLimits, RenderLimits
from jobs.store import keys
from testsupport import pdfs
from testsupport.in_process import Pressrun, running_pressrun

ACME, GLOBEX = "acme-key-0123456789", "globex-key-0123456789"
THREE = pdfs.pages("one", "two", "three", bookmarks=True)
COVER = "<h1>Cover</h1><p><a href='#end'>to the end</a><h2 id=end style='break-before:page'>End</h2>"


SMALL_MERGE = PdfMerge(max_source_bytes=2 * len(THREE))

pytestmark = pytest.mark.asyncio(loop_scope="module")


def settings(redis_url: str, data_dir: Path, **others: Any) -> Settings:
    return Settings(
        redis_url=redis_url,
        data_dir=data_dir,
        api_keys=(ApiKey("acme", ACME), ApiKey("globex", GLOBEX)),
        secret_key=("a-secret-of-thirty-two-characters",),
        host="127.0.0.1",
        **others,
    )


@pytest_asyncio.fixture(loop_scope="module")
async def press(redis_url: str, redis: Redis, tmp_path: Path, pool: RenderPool) -> AsyncIterator[Pressrun]:
    """Submits as one of two tenants."""
    async with running_pressrun(settings(redis_url, tmp_path), pool) as press:
        with press.as_tenant(ACME):
            yield press


def opened(pdf: bytes, password: str = "") -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(pdf), password=password)


def texts(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_range().strip() for page in document]


def outline(document: pikepdf.Pdf) -> Any:
    """Titles of bookmarks, the numbers of the pages they lead to, and the bookmarks below them."""
    numbers = {page.obj.objgen: number for number, page in enumerate(document.pages, start=1)}

    def level(items: list[pikepdf.OutlineItem]) -> list[Any]:
        return [
            (item.title, numbers[found.page.objgen], *([level(item.children)] if item.children else []))
            for item in items
            if (found := item.resolved_destination(document)) is not None
        ]

    return level(document.open_outline().root)


async def rendered(press: Pressrun, html: str = COVER, **options: Any) -> str:
    """The id of a job that has rendered `html`."""
    job = await press.done("pdf.render", {"html": html}, options)
    assert job["status"] == "succeeded"
    return str(job["id"])


def pointers(answer: Any) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_results_and_uploads_become_one_pdf_with_their_bookmarks_and_links(press: Pressrun) -> None:
    cover = await rendered(press, filename="Cover.pdf")
    parts = [{"job_id": cover}, {"file": "deep/three.pdf", "pages": "3, 1-2"}]
    job = await press.done("pdf.merge", {"parts": parts}, {"filename": "all"}, ("deep/three.pdf", THREE))
    pdf = await press.result(job)

    assert job["result"]["filename"] == "all.pdf"
    assert (job["result"]["content_type"], job["result"]["pages"]) == ("application/pdf", 5)
    assert job["result"]["warnings"] == []
    assert [text.split()[0] for text in texts(pdf)] == ["Cover", "End", "three", "one", "two"]
    with opened(pdf) as document:
        assert document.check_pdf_syntax() == []
        assert outline(document) == [
            ("Cover", 1, [("Cover", 1, [("End", 2)])]),
            ("three", 3, [("one", 4), ("two", 5), ("three", 3)]),
        ]
        # Each page of the upload links to the one that came after it there.
        links = [document.pages[at].Annots[0].Dest[0].objgen for at in (2, 3, 4)]
        assert links == [document.pages[at].obj.objgen for at in (3, 4, 2)]
        named = pikepdf.NameTree(document.Root.Names.Dests)
        assert named[str(document.pages[0].Annots[0].Dest)].D[0].objgen == document.pages[1].obj.objgen
    assert await press.result(await press.ended(job["id"])) == pdf


async def test_bookmarks_have_the_titles_asked_for_and_can_be_left_out(press: Pressrun) -> None:
    files = (("a.pdf", THREE), ("b.pdf", THREE))
    parts = [{"file": "a.pdf", "pages": "2", "title": "Annex"}, {"file": "b.pdf", "pages": "3-"}]
    job = await press.done("pdf.merge", {"parts": parts}, {}, *files)
    with opened(await press.result(job)) as document:
        assert outline(document) == [("Annex", 1, [("two", 1)]), ("b", 2, [("three", 2)])]
    job = await press.done("pdf.merge", {"parts": parts}, {"bookmarks": False}, *files)
    with opened(await press.result(job)) as document:
        assert outline(document) == []


async def test_a_single_part_keeps_its_own_bookmarks_and_a_page_may_come_twice(press: Pressrun) -> None:
    parts = [{"file": "three.pdf", "pages": "2,2,1"}]
    job = await press.done("pdf.merge", {"parts": parts}, {}, ("three.pdf", THREE))
    pdf = await press.result(job)
    assert texts(pdf) == ["two", "two", "one"]
    with opened(pdf) as document:
        assert [title for title, *_ in outline(document)] == ["one", "two"]


async def test_a_link_to_a_page_that_was_left_out_does_not_lead_into_another_part(press: Pressrun) -> None:
    cover = await rendered(press)
    job = await press.done("pdf.merge", {"parts": [{"job_id": cover, "pages": "1"}, {"job_id": cover}]})
    with opened(await press.result(job)) as document:
        assert document.pages[0].Annots[0].Dest[0] is None
        named = pikepdf.NameTree(document.Root.Names.Dests)
        assert named[str(document.pages[1].Annots[0].Dest)].D[0].objgen == document.pages[2].obj.objgen


async def test_form_fields_of_two_parts_with_one_name_are_renamed(press: Pressrun) -> None:
    form = await rendered(press, "<form><input name=name value=x></form>", forms=True)
    job = await press.done("pdf.merge", {"parts": [{"job_id": form}, {"job_id": form}]})
    assert [warning["code"] for warning in job["result"]["warnings"]] == ["form_fields_renamed"]
    with opened(await press.result(job)) as document:
        names = [field.fully_qualified_name for field in document.acroform.fields]
    assert names == ["name", "name+1"]


async def test_the_merged_pdf_gets_metadata_a_watermark_and_encryption(press: Pressrun) -> None:
    options = {
        "metadata": {"title": "Ä", "authors": ["B", "C"], "keywords": ["d", "e"], "lang": "de"},
        "watermark": {"text": "DRAFT"},
        "encrypt": {"user_password": "open"},
        "linearize": True,
    }
    files = (("a.pdf", THREE), ("b.pdf", pdfs.pages("four")))
    job = await press.done("pdf.merge", {"parts": [{"file": "a.pdf"}, {"file": "b.pdf"}]}, options, *files)
    with opened(await press.result(job), "open") as document:
        assert document.docinfo["/Title"] == "Ä"
        assert document.docinfo["/Keywords"] == "d, e"
        assert document.Root.Lang == "de"
        with document.open_metadata() as metadata:
            assert metadata["dc:creator"] == ["B", "C"]
        assert document.is_linearized
        plain = pdfs.saved(document)
    assert all("DRAFT" in text for text in texts(plain))


async def test_the_same_parts_give_the_same_bytes(press: Pressrun) -> None:
    parts = {"parts": [{"file": "a.pdf"}, {"file": "a.pdf", "pages": "1"}]}
    options = {"metadata": {"title": "x"}}
    first, second = [
        await press.result(await press.done("pdf.merge", parts, options, ("a.pdf", THREE))) for _ in range(2)
    ]
    assert first == second


# --- refused at submission ----------------------------------------------------------------------


async def test_a_part_without_a_usable_result_is_refused_with_its_pointer(
    press: Pressrun, redis: Redis
) -> None:
    done = await rendered(press)
    expired = await rendered(press, "<p>expired")
    await redis.hset(f"{keys.JOB}{expired}", "result_gone", 1)  # type: ignore[misc]
    failed = (await press.done("pdf.render", {"html": "<p style='x:y'>"}, {"strict": True}))["id"]
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    waiting = (await press.submit("pdf.render", {"html": "x"}, scheduled_at=tomorrow.isoformat())).json()[
        "id"
    ]
    with press.as_tenant(GLOBEX):
        foreign = await rendered(press)
    unknown = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    for job_id, status, code in [
        (unknown, 404, "job_not_found"),
        (foreign, 404, "job_not_found"),
        ("nonsense", 404, "job_not_found"),
        (failed, 409, "job_not_succeeded"),
        (waiting, 409, "not_finished"),
        (expired, 410, "result_expired"),
    ]:
        for input, kind, pointer in [
            ({"parts": [{"job_id": done}, {"job_id": job_id}]}, "pdf.merge", "/input/parts/1/job_id"),
            ({"job_id": job_id}, "pdf.preview", "/input/job_id"),
        ]:
            answer = await press.submit(kind, input)
            assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
            assert pointers(answer) == [pointer]
            assert job_id in answer.json()["detail"]


async def test_the_answer_for_another_tenants_job_is_that_for_an_unknown_job(press: Pressrun) -> None:
    with press.as_tenant(GLOBEX):
        foreign = await rendered(press)
    unknown = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    for kind, parts in [
        ("pdf.merge", lambda one: {"parts": [{"job_id": one}]}),
        ("pdf.preview", lambda one: {"job_id": one}),
    ]:
        theirs, unknown_job = (
            await press.submit(kind, parts(foreign)),
            await press.submit(kind, parts(unknown)),
        )
        assert theirs.text.replace(foreign, unknown) == unknown_job.text


async def test_all_unusable_parts_are_named_at_once_also_in_a_batch(press: Pressrun) -> None:
    parts = {"parts": [{"job_id": "a"}, {"file": "x.pdf"}, {"job_id": "b"}]}
    answer = await press.submit("pdf.merge", parts, {}, ("x.pdf", THREE))
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert pointers(answer) == ["/input/parts/0/job_id", "/input/parts/2/job_id"]

    jobs = [
        {"kind": "pdf.render", "input": {"html": "x"}},
        {"kind": "pdf.merge", "input": {"parts": [{"job_id": "a"}]}},
        {"kind": "pdf.preview", "input": {"job_id": "b"}},
    ]
    answer = await press.http.post("/v1/batches", json={"jobs": jobs})
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert pointers(answer) == ["/jobs/1/input/parts/0/job_id", "/jobs/2/input/job_id"]


async def test_a_result_that_is_not_a_pdf_is_refused(press: Pressrun) -> None:
    picture = await press.done("pdf.preview", {"file": "a.pdf"}, {}, ("a.pdf", THREE))
    answer = await press.submit("pdf.merge", {"parts": [{"job_id": picture["id"]}]})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert pointers(answer) == ["/input/parts/0/job_id"]
    assert answer.json()["detail"].endswith("image/png, not a PDF.")
    assert ".." not in answer.json()["detail"]


async def test_an_accepted_submission_is_replayed_when_its_parts_are_gone(press: Pressrun) -> None:
    part = await rendered(press)
    wanted = {"parts": [{"job_id": part}]}
    first = await press.submit("pdf.merge", wanted, key="k")
    await press.ended(first.json()["id"])
    await press.http.delete(f"/v1/jobs/{part}")
    again = await press.submit("pdf.merge", wanted, key="k")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["idempotent-replayed"] == "true"
    other = await press.submit("pdf.merge", {"parts": [{"job_id": part, "pages": "1"}]}, key="k")
    assert other.json()["code"] == "idempotency_key_reused"
    new = await press.submit("pdf.merge", wanted, key="new")
    assert (new.status_code, pointers(new)) == (404, ["/input/parts/0/job_id"])


# --- failed jobs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pdf", "code", "says"),
    [
        (b"<html>no PDF at all", "pdf_unreadable", "Part 2 (b) is an HTML document, not a PDF"),
        (b"%PDF-1.7\n%%EOF", "pdf_unreadable", "Part 2 (b) is not a PDF"),
        (pdfs.truncated(), "pdf_unreadable", "its end is missing"),
        (pdfs.encrypted("secret"), "pdf_encrypted", "Part 2 (b) is encrypted"),
        (pdfs.encrypted(""), "pdf_encrypted", "Part 2 (b) is encrypted"),
        (pdfs.cyclic_pages(), "pdf_unreadable", "Loop detected"),
        (pdfs.pages("only"), "page_out_of_range", "Part 2 (b) is shorter than asked for: there is no page 2"),
    ],
    ids=["html", "empty", "truncated", "encrypted", "restricted", "cyclic-pages", "short"],
)
async def test_an_unreadable_part_fails_the_job_and_kills_no_child(
    press: Pressrun, pdf: bytes, code: str, says: str
) -> None:
    children = press.pool.children.keys()
    parts = [{"file": "a.pdf"}, {"file": "b.pdf", "pages": "1-2"}]
    job = await press.done("pdf.merge", {"parts": parts}, {}, ("a.pdf", THREE), ("b.pdf", pdf))
    assert (job["status"], job["error"]["code"]) == ("failed", code)
    assert says in job["error"]["message"]
    assert "0x" not in job["error"]["message"]
    assert not job["error"]["retryable"]
    assert press.pool.children.keys() == children


async def test_a_cyclic_outline_is_cut_where_it_repeats(press: Pressrun) -> None:
    files = (("a.pdf", pdfs.cyclic_outline()), ("b.pdf", THREE))
    job = await press.done("pdf.merge", {"parts": [{"file": "a.pdf"}, {"file": "b.pdf"}]}, {}, *files)
    with opened(await press.result(job)) as document:
        (first, second) = outline(document)
    assert first == ("a", 1, [("a", 1, [("b", 1)])])
    assert second[0] == "b"


async def test_a_damaged_part_is_repaired_with_a_warning(press: Pressrun) -> None:
    damaged = THREE.replace(b"startxref\n", b"startxref\n9")
    job = await press.done("pdf.merge", {"parts": [{"file": "a.pdf"}]}, {}, ("a.pdf", damaged))
    assert texts(await press.result(job)) == ["one", "two", "three"]
    assert [warning["code"] for warning in job["result"]["warnings"]] == ["pdf_repaired"]


async def test_a_part_that_is_deleted_after_submission_fails_the_job(press: Pressrun) -> None:
    part = await rendered(press)
    path = (await press.app.services.store.result_of("acme", part)).path
    await press.app.services.artifacts.put(path, b"%PDF-damaged")
    job = await press.done("pdf.merge", {"parts": [{"job_id": part}]})
    assert job["error"]["code"] == "source_gone"
    assert part in job["error"]["message"]
    # A retry looks nothing up: it runs the stored spec.
    await press.http.delete(f"/v1/jobs/{part}")
    again = await press.http.post(f"/v1/jobs/{job['id']}/retry")
    assert again.status_code == 202
    error = (await press.ended(again.json()["id"]))["error"]
    assert error["code"] == "source_gone"
    assert f"There is no job '{part}'" in error["message"]


async def test_parts_that_are_too_large_together_are_refused_or_fail_the_job(
    redis_url: str, redis: Redis, tmp_path: Path, pool: RenderPool
) -> None:
    kinds = (f"{__name__}:SMALL_MERGE",)
    async with running_pressrun(settings(redis_url, tmp_path, kinds=kinds), pool) as press:
        with press.as_tenant(ACME):
            part = await rendered(press)
            refused = await press.submit("pdf.merge", {"parts": [{"job_id": part}]})
            assert (refused.status_code, pointers(refused)) == (422, ["/input"])
            files = {"parts": [{"file": "a.pdf"}, {"file": "a.pdf"}, {"file": "a.pdf"}]}
            job = await press.done("pdf.merge", files, {}, ("a.pdf", THREE))
            assert job["error"]["code"] == "source_too_large"


async def test_a_bomb_is_stopped_at_the_memory_limit(redis_url: str, redis: Redis, tmp_path: Path) -> None:
    limits = RenderLimits(fetch=FetchLimits(mode="none"), memory_bytes=400 * pdfs.MIB)
    pool = RenderPool(size=1, limits=limits)
    await pool.start()
    async with running_pressrun(Settings(redis_url=redis_url, data_dir=tmp_path), pool) as press:
        job = await press.done("pdf.merge", {"parts": [{"file": "a.pdf"}]}, {}, ("a.pdf", pdfs.object_bomb()))
        assert job["error"]["code"] == "render_out_of_memory"
        job = await press.done("pdf.preview", {"file": "a.pdf"}, {}, ("a.pdf", pdfs.content_bomb()))
        assert job["error"]["code"] == "render_out_of_memory"
        job = await press.done("pdf.merge", {"parts": [{"file": "a.pdf"}]}, {}, ("a.pdf", THREE))
        assert job["status"] == "succeeded"
    await pool.close()
