"""Templates from submission to PDF, through the real processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from redis.asyncio import Redis

from testsupport.deployment import Deployment

INVOICE = {
    "html": "<h1>Invoice {{ number }}</h1>"
    "{% for item in items %}<p>{{ item.title }}: {{ item.price|money('EUR', 'de') }}</p>{% endfor %}",
    "stylesheets": ["@page { size: 100mm 80mm } p { color: #123456 }"],
    "schema": {"type": "object", "required": ["number", "items"]},
    "sample_data": {"number": "S-1", "items": []},
}
DATA = {"number": "R-17", "items": [{"title": "Nägel & <b>", "price": 1234.5}]}


@pytest.fixture
async def deployment(redis_url: str, redis: Redis, tmp_path: Path) -> AsyncIterator[Deployment]:
    async with Deployment.running(redis_url, tmp_path, ("jobs", "api")) as deployment:
        yield deployment


async def put(deployment: Deployment, name: str, **members: Any) -> int:
    """Puts a template and returns its version."""
    async with deployment.http.put(f"{deployment.url}/v1/templates/{name}", json=members) as answer:
        assert answer.status in (200, 201), await answer.text()
        return int((await answer.json())["version"])


async def ended(deployment: Deployment, **fields: Any) -> dict[str, Any]:
    """Submits a job and returns it when it has ended."""
    body = {"kind": "pdf.render", **fields}
    async with deployment.http.post(f"{deployment.url}/v1/jobs", json=body) as answer:
        assert answer.status == 202, await answer.text()
        job_id = (await answer.json())["id"]
    return await deployment.until(job_id, "succeeded", "failed")


async def text(deployment: Deployment, job: dict[str, Any]) -> str:
    assert job["status"] == "succeeded", job["error"]
    async with deployment.http.get(f"{deployment.url}/v1/jobs/{job['id']}/result") as answer:
        return words(await answer.read())


def words(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)  # type: ignore[no-untyped-call]
    return " ".join(document[0].get_textpage().get_text_bounded().split())


async def test_a_job_renders_the_requested_version_of_a_template(deployment: Deployment) -> None:
    assert await put(deployment, "invoice", **INVOICE) == 1
    assert await put(deployment, "invoice", **{**INVOICE, "html": "<p>Second {{ number }}"}) == 2

    first = await ended(deployment, input={"template": "invoice", "version": 1, "data": DATA})
    assert await text(deployment, first) == "Invoice R-17 Nägel & <b>: 1.234,50 €"
    assert first["result"]["template"] == {"name": "invoice", "version": 1}
    assert first["result"]["warnings"] == []

    newest = await ended(deployment, input={"template": "invoice", "data": DATA})
    assert await text(deployment, newest) == "Second R-17"

    # The same content and data under another name is rendered once; each result has its own name.
    await put(deployment, "rechnung", **INVOICE)
    copy = await ended(deployment, input={"template": "rechnung", "data": DATA})
    assert (copy["result"]["cached"], copy["result"]["template"]) == (
        True,
        {"name": "rechnung", "version": 1},
    )

    answers = {}
    url = f"{deployment.url}/v1/templates/invoice/preview"
    for body in ({"version": 1}, {"version": 1, "data": {**DATA, "items": []}}):
        async with deployment.http.post(url, json=body, headers={"Prefer": "wait=20"}) as answer:
            assert answer.content_type == "application/pdf", await answer.text()
            answers[len(body)] = words(await answer.read())
    assert answers == {1: "Invoice S-1", 2: "Invoice R-17"}


async def test_a_waiting_job_is_not_affected_by_changes_of_its_template(
    redis_url: str, redis: Redis, tmp_path: Path
) -> None:
    async with Deployment.running(redis_url, tmp_path, ("api",)) as deployment:
        await put(deployment, "large", html="<p>Hello {{ name }}<!-- " + "x" * 100_000 + " -->")
        batch = {
            "jobs": [
                {"kind": "pdf.render", "input": {"template": "large", "data": {"name": name}}}
                for name in ("Ada", "Bob")
            ]
        }
        async with deployment.http.post(f"{deployment.url}/v1/batches", json=batch) as answer:
            assert answer.status == 202
            job_ids = (await answer.json())["job_ids"]
        await put(deployment, "large", html="<p>Newer")
        async with deployment.http.delete(f"{deployment.url}/v1/templates/large") as answer:
            assert answer.status == 204
        await deployment.start("jobs")
        jobs = await asyncio.gather(*(deployment.until(job_id, "succeeded", "failed") for job_id in job_ids))
        assert [await text(deployment, job) for job in jobs] == ["Hello Ada", "Hello Bob"]


async def test_an_error_in_a_template_fails_the_job_with_the_line_and_the_reason(
    deployment: Deployment,
) -> None:
    await put(deployment, "bad", html="<p>\n{{ customer.name }}\n{{ customer.adress.city }}")
    job = await ended(deployment, input={"template": "bad", "data": {"customer": {"name": "Ada"}}})
    assert job["status"] == "failed"
    assert job["attempt"] == 1
    assert job["error"] == {
        "code": "template_error",
        "message": "Template bad (version 1): line 3: 'dict object' has no attribute 'adress'.",
        "retryable": False,
    }


async def test_a_template_that_never_ends_or_needs_too_much_memory_fails_only_its_own_job(
    redis_url: str, redis: Redis, tmp_path: Path
) -> None:
    endless = (
        "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
        + "{% endfor %}" * 3
    )
    hungry = "{% set big = 'x'|center(2000000000) %}{{ big|length }}"
    environ = {"PRESSRUN_RENDER_MEMORY_MB": "512"}
    async with Deployment.running(redis_url, tmp_path, ("jobs", "api"), **environ) as deployment:
        await put(deployment, "endless", html=endless)
        await put(deployment, "hungry", html=hungry)
        await put(deployment, "good", html="<p>Good")
        endless_job, hungry_job = await asyncio.gather(
            ended(deployment, input={"template": "endless"}, timeout_seconds=1, max_attempts=1),
            ended(deployment, input={"template": "hungry"}, max_attempts=1),
        )
        assert endless_job["error"]["code"] == "render_timeout"
        assert hungry_job["error"]["code"] == "render_out_of_memory"
        assert await text(deployment, await ended(deployment, input={"template": "good"})) == "Good"
