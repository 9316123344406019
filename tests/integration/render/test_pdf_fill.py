"""`pdf.fill`, from submission to result: through the API, a worker and its render children."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from jobs.core.settings import Settings
from jobs.render.child.pdf.forms.fields import read_fields
from jobs.render.parent.pool import RenderPool
from testsupport import pdf_forms, pdfs
from testsupport.in_process import Pressrun, running_pressrun

FORM = """<input name=name><textarea name=notes></textarea><input type=checkbox name=agree>
<input type=radio name=size value=small><input type=radio name=size value=large>
<select name=country><option value=de>Germany<option value=fr>France</select>"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def press(redis_url: str, redis: Redis, tmp_path: Path, pool: RenderPool) -> AsyncIterator[Pressrun]:
    async with running_pressrun(Settings(redis_url=redis_url, data_dir=tmp_path), pool) as press:
        yield press


def values(pdf: bytes) -> dict[str, list[str]]:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return {name: field.texts() for name, field in read_fields(document).items()}


def text(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:  # type: ignore[no-untyped-call]
        return str(document[0].get_textpage().get_text_range())


async def test_a_form_that_was_rendered_here_is_filled_and_flattened(press: Pressrun) -> None:
    form = await press.done("pdf.render", {"html": FORM}, {"forms": True, "filename": "Form.pdf"})
    fields = {"name": "Zoë 中文", "notes": "a\nb", "agree": True, "size": "large", "country": "fr"}
    job = await press.done("pdf.fill", {"job_id": form["id"], "fields": fields})
    assert (job["result"]["content_type"], job["result"]["filename"]) == ("application/pdf", "Form.pdf")
    assert (job["result"]["pages"], job["result"]["warnings"]) == (1, [])
    assert values(await press.result(job)) == {
        "name": ["Zoë 中文"],
        "notes": ["a\nb"],
        "agree": ["on"],
        "size": ["large"],
        "country": ["fr"],
    }
    options = {"flatten": True, "filename": "done"}
    flat = await press.done("pdf.fill", {"job_id": job["id"]}, options)
    assert flat["result"]["filename"] == "done.pdf"
    content = await press.result(flat)
    assert values(content) == {}
    assert "Zoë 中文" in text(content)
    assert "France" in text(content)


async def test_an_uploaded_form_is_filled(press: Pressrun) -> None:
    job = await press.done(
        "pdf.fill",
        {"file": "in/form.pdf", "fields": {"name": "Ada", "days": ["day 3"]}},
        {},
        ("in/form.pdf", pdf_forms.application()),
    )
    assert job["result"]["filename"] == "form.pdf"
    assert values(await press.result(job))["name"] == ["Ada"]


@pytest.mark.parametrize(
    ("content", "fields", "code", "says"),
    [
        (
            pdf_forms.application(),
            {"nme": "x"},
            "form_invalid",
            "no field 'nme'. The fields are: name (text)",
        ),
        (pdf_forms.application(), {"name": "\u0378"}, "form_invalid", "U+0378"),
        (pdfs.pages("x"), {"name": "x"}, "form_invalid", "The file has no form"),
        (pdf_forms.deep_fields(), {"name": "x"}, "form_invalid", "nested more than 50 deep"),
        (pdf_forms.many_fields(10_001), {"name": "x"}, "form_invalid", "more than 10,000 fields"),
        (pdf_forms.cyclic_fields(), {"one": "x"}, "form_invalid", "The file has no form"),
        (pdfs.cyclic_pages(), {"name": "x"}, "pdf_unreadable", "The file is not a PDF that can be read"),
        (pdfs.encrypted("secret"), {"name": "x"}, "pdf_encrypted", "The file is encrypted"),
        (pdfs.truncated(), {"name": "x"}, "pdf_unreadable", "its end is missing"),
        (b"\x89PNG\r\n\x1a\n", {"name": "x"}, "pdf_unreadable", "a PNG picture"),
    ],
    ids=["unknown", "glyph", "no-form", "deep", "many", "cyclic", "pages", "encrypted", "truncated", "png"],
)
async def test_a_form_that_cannot_be_filled_fails_the_job_and_kills_no_child(
    press: Pressrun, content: bytes, fields: dict[str, Any], code: str, says: str
) -> None:
    children = press.pool.children.keys()
    job = await press.done("pdf.fill", {"file": "a.pdf", "fields": fields}, {}, ("a.pdf", content))
    assert (job["status"], job["error"]["code"]) == ("failed", code)
    assert says in job["error"]["message"]
    assert not job["error"]["retryable"]
    assert press.pool.children.keys() == children


async def test_a_job_without_a_usable_result_is_refused(press: Pressrun) -> None:
    answer = await press.submit("pdf.fill", {"job_id": "job_unknown", "fields": {"a": "b"}})
    assert answer.status_code == 404
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/input/job_id"]


async def test_a_damaged_form_is_repaired_with_a_warning(press: Pressrun) -> None:
    damaged = pdf_forms.application().replace(b"startxref\n", b"startxref\n9")
    job = await press.done("pdf.fill", {"file": "a.pdf", "fields": {"name": "x"}}, {}, ("a.pdf", damaged))
    assert [warning["code"] for warning in job["result"]["warnings"]] == ["pdf_repaired"]
    assert values(await press.result(job))["name"] == ["x"]
