from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from api.app import Api
from jobs.core.errors.job import RenderFailed
from tests.integration.api.conftest import PDF, FakeWorker
from tests.integration.api.test_jobs import has_waiters

HTML = {"content-type": "text/html"}


async def test_the_body_is_the_document(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    answer = await client.post("/v1/pdf", content=b"<p>Hi", headers=HTML)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    assert answer.json()["subscription"]["token"]
    assert (await worker.start()).spec == b'{"input":{"html":"<p>Hi"},"options":{}}'


async def test_markdown_is_decoded_by_its_charset(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    headers = {"content-type": "text/markdown; charset=ISO-8859-1"}
    assert (
        await client.post("/v1/pdf", content="# Zoë".encode("latin-1"), headers=headers)
    ).status_code == 202
    spec = (await worker.start()).spec
    assert spec is not None
    assert json.loads(spec)["input"] == {"markdown": "# Zoë"}


async def test_options_come_in_the_url(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    options = {"filename": "ü.pdf"}
    answer = await client.post("/v1/pdf", params={"options": json.dumps(options)}, content=b"x", headers=HTML)
    assert answer.status_code == 202
    spec = (await worker.start()).spec
    assert spec is not None
    assert json.loads(spec)["options"] == options


@pytest.mark.parametrize("options", ["", "{", "[]", "1", '{"a":1,"a":1}', '{"nonsense":1}', '{"zoom":NaN}'])
async def test_invalid_options_are_refused(client: httpx.AsyncClient, options: str) -> None:
    answer = await client.post("/v1/pdf", params={"options": options}, content=b"x", headers=HTML)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.json()["errors"][0]["pointer"].startswith("/options")


async def test_a_request_that_waits_gets_the_pdf(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    headers = {**HTML, "prefer": "wait=300"}
    waiting = asyncio.create_task(client.post("/v1/pdf", content=b"<p>Hi", headers=headers))
    await has_waiters(app)
    job_id = await worker.succeed()
    answer = await waiting
    assert (answer.status_code, answer.content) == (200, PDF)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["preference-applied"] == "wait=25"
    assert answer.headers["content-location"] == f"/v1/jobs/{job_id}/result"
    assert "pressrun-warnings" not in answer.headers


async def test_a_request_that_waits_learns_that_something_is_missing(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    waiting = asyncio.create_task(
        client.post("/v1/pdf", content=b"<p>Hi", headers={**HTML, "prefer": "wait=25"})
    )
    await has_waiters(app)
    await worker.succeed(warnings=[{"code": "image_unreachable", "message": "It is not there."}] * 2)
    assert (await waiting).headers["pressrun-warnings"] == "2"


async def test_a_request_that_waits_for_a_failing_job_gets_the_reason(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    headers = {**HTML, "prefer": "wait=25"}
    waiting = asyncio.create_task(client.post("/v1/pdf", content=b"<p>Hi", headers=headers))
    await has_waiters(app)
    await worker.fail(RenderFailed("The document is broken."))
    answer = await waiting
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "job_failed"
    assert "The document is broken." in problem["detail"]
    assert problem["job"]["error"]["code"] == "render_failed"
    assert answer.headers["preference-applied"] == "wait=25"
    assert "idempotent-replayed" not in answer.headers


async def test_a_request_that_waits_too_short_gets_the_job(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/pdf", content=b"<p>Hi", headers={**HTML, "prefer": "wait=0"})
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=0"
    assert answer.json()["status"] == "queued"


async def test_the_same_document_and_key_is_the_same_job(client: httpx.AsyncClient) -> None:
    headers = {**HTML, "idempotency-key": "k"}
    first = await client.post("/v1/pdf", content=b"<p>Hi", headers=headers)
    again = await client.post("/v1/pdf", content=b"<p>Hi", headers=headers)
    other = await client.post("/v1/pdf", content=b"<p>Ho", headers=headers)
    assert again.json()["id"] == first.json()["id"]
    assert other.json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(("error", "status"), [(None, 200), (RenderFailed("Broken."), 422)])
async def test_a_repeated_request_that_waits_learns_that_the_job_was_made_before(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker, error: RenderFailed | None, status: int
) -> None:
    headers = {**HTML, "idempotency-key": "k", "prefer": "wait=25"}
    waiting = asyncio.create_task(client.post("/v1/pdf", content=b"<p>Hi", headers=headers))
    await has_waiters(app)
    await (worker.succeed() if error is None else worker.fail(error))
    first, again = await waiting, await client.post("/v1/pdf", content=b"<p>Hi", headers=headers)
    assert first.status_code == again.status_code == status
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["preference-applied"] == "wait=25"


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("text/html", b"", 400, "malformed_body"),
        ("text/html", b"\xff\xfe\x00", 400, "malformed_body"),
        ("text/html", b"<p>\xff", 400, "malformed_body"),
        ("text/html; charset=klingon", b"x", 415, "unsupported_media_type"),
        ("text/plain", b"x", 415, "unsupported_media_type"),
        ("application/json", b"{}", 415, "unsupported_media_type"),
        ("multipart/form-data", b"--x--", 400, "malformed_body"),
        ("multipart/form-data; boundary=x", b"<p>Hi", 400, "malformed_body"),
        ("multipart/form-data; boundary=x", b"--x--", 422, "invalid_input"),
        ("", b"x", 415, "unsupported_media_type"),
    ],
)
async def test_documents_that_cannot_be_read_are_refused(
    client: httpx.AsyncClient, content_type: str, body: bytes, status: int, code: str
) -> None:
    answer = await client.post("/v1/pdf", content=body, headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
