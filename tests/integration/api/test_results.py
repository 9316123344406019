from __future__ import annotations

import hashlib

import httpx
import pytest

from jobs.core.errors.job import RenderFailed
from tests.integration.api.conftest import PDF, FakeWorker
from tests.integration.api.test_jobs import submit

SHA256 = hashlib.sha256(PDF).hexdigest()


@pytest.fixture
async def url(client: httpx.AsyncClient, worker: FakeWorker) -> str:
    """The path of the result of a job that succeeded."""
    await submit(client)
    return f"/v1/jobs/{await worker.succeed()}/result"


async def test_a_result_has_its_bytes_type_and_file_name(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.get(url)
    assert (answer.status_code, answer.content) == (200, PDF)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'inline; filename="invoice.pdf"'
    assert answer.headers["etag"] == f'"{SHA256}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_head_has_the_same_headers_and_no_bytes(client: httpx.AsyncClient, url: str) -> None:
    got, head = await client.get(url), await client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == got.headers


async def test_a_result_that_the_client_already_has_is_not_sent_again(
    client: httpx.AsyncClient, url: str
) -> None:
    answer = await client.get(url, headers={"if-none-match": f'"{SHA256}"'})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "expected"), [("bytes=0-3", PDF[:4]), ("bytes=10-", PDF[10:]), ("bytes=-5", PDF[-5:])]
)
async def test_one_range_is_served(client: httpx.AsyncClient, url: str, asked: str, expected: bytes) -> None:
    answer = await client.get(url, headers={"range": asked})
    start = PDF.index(expected) if asked != "bytes=-5" else len(PDF) - 5
    assert (answer.status_code, answer.content) == (206, expected)
    assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(PDF)}"
    assert answer.headers["content-length"] == str(len(expected))


async def test_a_range_beyond_the_end_is_refused_with_the_size(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.get(url, headers={"range": f"bytes={len(PDF)}-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(PDF)}"


async def test_a_request_for_several_ranges_gets_the_whole_result(
    client: httpx.AsyncClient, url: str
) -> None:
    answer = await client.get(url, headers={"range": "bytes=0-1,4-5"})
    assert (answer.status_code, answer.content) == (200, PDF)


async def test_a_request_for_a_range_of_another_version_gets_the_whole_result(
    client: httpx.AsyncClient, url: str
) -> None:
    same = await client.get(url, headers={"range": "bytes=0-3", "if-range": f'"{SHA256}"'})
    other = await client.get(url, headers={"range": "bytes=0-3", "if-range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)


async def test_a_large_result_is_sent_completely(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    body = bytes(range(256)) * 4096 * 3 + b"end"
    await submit(client)
    url = f"/v1/jobs/{await worker.succeed(body=body)}/result"
    answer = await client.get(url)
    assert answer.content == body
    assert answer.headers["content-length"] == str(len(body))
    part = await client.get(url, headers={"range": f"bytes=1000000-{len(body) - 2}"})
    assert part.content == body[1000000:-1]


async def test_a_missing_result_is_answered_with_the_reason(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    job = await submit(client)
    url = f"/v1/jobs/{job['id']}/result"
    early = await client.get(url)
    assert (early.status_code, early.json()["code"]) == (409, "not_finished")
    await worker.fail(RenderFailed("Broken."))
    failed = await client.get(url)
    assert (failed.status_code, failed.json()["code"]) == (409, "job_not_succeeded")
