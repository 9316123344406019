"""Documents with files beside them, `multipart/form-data`."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from api.app import Api
from jobs.core.errors.job import RenderFailed
from jobs.core.errors.store import ArtifactMissing
from jobs.core.job import Claim
from jobs.store.artifacts import file_path
from tests.integration.api.conftest import PDF, FakeWorker

LOGO = bytes(range(256))
DOCUMENT = (
    "document",
    ("index.html", b"<link rel=stylesheet href=css/a.css><img src=logo.png>", "text/html"),
)
PARTS = [DOCUMENT, ("x", ("logo.png", LOGO, "image/png")), ("y", ("css/a.css", b"p{}", "text/css"))]


async def send(client: httpx.AsyncClient, parts: list[Any], **headers: str) -> httpx.Response:
    return await client.post("/v1/pdf", files=parts, headers=headers)


async def spec_of(app: Api, claim: Claim) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(await app.services.store.spec_of(claim.tenant, claim.job_id))
    return spec


async def files_of(app: Api, claim: Claim) -> dict[str, bytes]:
    """Returns the stored files of the job, by name."""
    return {
        name: await app.services.artifacts.get(file_path(claim.tenant, claim.job_id, digest))
        for name, digest in (await spec_of(app, claim))["files"].items()
    }


async def test_the_files_are_kept_with_the_job(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    options = ("options", (None, b'{"zoom":2}', "application/json"))
    answer = await send(client, [*PARTS, options])
    assert answer.status_code == 202
    claim = await worker.start()
    assert await files_of(app, claim) == {"logo.png": LOGO, "css/a.css": b"p{}"}
    spec = await spec_of(app, claim)
    assert spec["input"] == {"html": DOCUMENT[1][1].decode()}
    assert spec["options"] == {"zoom": 2}


async def test_the_files_are_removed_when_the_job_succeeds(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    await send(client, PARTS)
    claim = await worker.start()
    digests = (await spec_of(app, claim))["files"].values()
    await worker.succeed(claim)
    await worker.sweep()
    for digest in digests:
        with pytest.raises(ArtifactMissing):
            await app.services.artifacts.get(file_path(claim.tenant, claim.job_id, digest))
    assert (await client.get(f"/v1/jobs/{claim.job_id}/result")).status_code == 200


async def test_a_retry_has_copies_of_the_files_that_outlive_the_first_job(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    await send(client, PARTS)
    first = await worker.start()
    await worker.fail(RenderFailed("Not today."), first)
    again = await client.post(f"/v1/jobs/{first.job_id}/retry")
    assert again.status_code == 202
    assert (await client.delete(f"/v1/jobs/{first.job_id}")).status_code == 204
    second = await worker.start()
    assert second.job_id == again.json()["id"]
    assert await files_of(app, second) == {"logo.png": LOGO, "css/a.css": b"p{}"}


async def test_an_idempotency_key_compares_contents_but_not_boundaries_and_order(
    client: httpx.AsyncClient,
) -> None:
    first = await send(client, PARTS, **{"idempotency-key": "k"})
    again = await send(client, PARTS[::-1], **{"idempotency-key": "k"})
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    other = await send(client, [*PARTS[:2], ("y", ("css/a.css", b"b{}"))], **{"idempotency-key": "k"})
    assert other.json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (PARTS[1:], "index.html or index.md"),
        ([DOCUMENT, ("d", ("index.md", b"# x"))], "index.html or index.md"),
        ([*PARTS, PARTS[1]], "two files named"),
        ([DOCUMENT, ("x", ("../etc/passwd", b"x"))], "not a relative file name"),
        ([DOCUMENT, ("x", ("/etc/passwd", b"x"))], "not a relative file name"),
        ([DOCUMENT, ("x", ("a//b", b"x"))], "not a relative file name"),
        ([DOCUMENT, ("x", ("a?b", b"x"))], "not a relative file name"),
        ([DOCUMENT, ("x", ("a" * 201, b"x"))], "not a relative file name"),
        ([DOCUMENT, ("html", (None, b"<p>"))], "there is no part 'html'"),
        ([DOCUMENT, ("options", (None, b"{}")), ("options", (None, b"{}"))], "should come once"),
    ],
)
async def test_invalid_uploads_are_refused(client: httpx.AsyncClient, parts: list[Any], said: str) -> None:
    answer = await send(client, parts)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert said in answer.json()["detail"]


async def test_options_may_be_sent_only_once_and_may_set_the_base_url_of_links(
    client: httpx.AsyncClient,
) -> None:
    options = ("options", (None, b"{}"))
    answer = await client.post("/v1/pdf", files=[*PARTS, options], params={"options": "{}"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/options")
    options = ("options", (None, b'{"base_url":"https://example.com/"}'))
    assert (await send(client, [*PARTS, options])).status_code == 202


async def test_too_many_files_are_refused(client: httpx.AsyncClient) -> None:
    many = [("x", (f"{n}.png", b"x")) for n in range(201)]
    answer = await send(client, [DOCUMENT, *many])
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


JOB = {"kind": "pdf.merge", "input": {"parts": [{"file": "a.pdf"}, {"file": "b/c.pdf"}]}, "tags": ["x"]}
FILES = [("x", ("a.pdf", PDF, "application/pdf")), ("y", ("b/c.pdf", PDF + b"%", "application/pdf"))]


def as_part(job: Any, file_name: str | None = None) -> Any:
    return ("job", (file_name, json.dumps(job), "application/json"))


async def submit(client: httpx.AsyncClient, parts: list[Any], **headers: str) -> httpx.Response:
    return await client.post("/v1/jobs", files=parts, headers=headers)


@pytest.mark.parametrize("file_name", [None, "job.json"])
async def test_a_job_of_any_kind_may_have_files(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker, file_name: str | None
) -> None:
    answer = await submit(client, [*FILES, as_part(JOB, file_name)])
    assert (answer.status_code, answer.json()["tags"]) == (202, ["x"]), answer.text
    assert await files_of(app, await worker.start()) == {"a.pdf": PDF, "b/c.pdf": PDF + b"%"}
    document = {"kind": "pdf.render", "input": {"html": "<img src=a.pdf>"}}
    assert (await submit(client, [as_part(document), FILES[0]])).status_code == 202
    assert await files_of(app, await worker.start()) == {"a.pdf": PDF}


async def test_an_upload_with_only_a_job_part_is_a_job_without_files(client: httpx.AsyncClient) -> None:
    job = {"kind": "pdf.render", "input": {"html": "x" * 300_000}}
    first = await client.post("/v1/jobs", json=job, headers={"idempotency-key": "k"})
    again = await submit(client, [as_part(job)], **{"idempotency-key": "k"})
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


async def test_an_idempotency_key_of_a_job_compares_its_files_too(client: httpx.AsyncClient) -> None:
    first = await submit(client, [as_part(JOB), *FILES], **{"idempotency-key": "k"})
    again = await submit(client, [*FILES[::-1], as_part(JOB)], **{"idempotency-key": "k"})
    assert again.json()["id"] == first.json()["id"]
    changed = [FILES[0], ("y", ("b/c.pdf", PDF))]
    other = await submit(client, [as_part(JOB), *changed], **{"idempotency-key": "k"})
    assert other.json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("parts", "status", "said"),
    [
        (FILES, 422, "exactly one part should be named job"),
        ([as_part(JOB), as_part(JOB), *FILES], 422, "the part `job` should come once"),
        ([as_part(JOB), *FILES, ("options", (None, b"{}"))], 422, "there is no part 'options'"),
        ([as_part(JOB), *FILES, FILES[0]], 422, "two files named"),
        ([as_part(JOB), *FILES, ("x", ("../a", b""))], 422, "not a relative file name"),
        ([as_part(JOB), FILES[0]], 422, "/input/parts/1/file: no file named"),
        ([as_part(["no", "job"]), *FILES], 422, "The body"),
        ([("job", (None, b"{")), *FILES], 400, "not JSON"),
        ([("job", (None, b"\xff")), *FILES], 400, "not JSON"),
    ],
)
async def test_an_invalid_job_with_files_is_refused(
    client: httpx.AsyncClient, parts: list[Any], status: int, said: str
) -> None:
    answer = await submit(client, parts)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]


MANUAL = {
    "ref/p.html": b"<link rel=stylesheet href=../css/a.css><img src=p.png>",
    "ref/p.png": LOGO,
    "css/a.css": b"p{}",
    "index.html": b"<a href=ref/p.html>p</a>",
}


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


ZIP = {"content-type": "application/zip"}


async def test_the_document_may_stand_in_a_folder(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    """In a form, in a zip, and in a zip in a form; as a document, and as a job."""
    form = [("f", (name, content)) for name, content in MANUAL.items()]
    index, archive = ("index", (None, b"ref/p.html")), ("zip", ("site.zip", zipped(MANUAL)))
    wanted = {"kind": "pdf.render", "input": {"index": "ref/p.html"}}
    for answer in (
        await send(client, [*form, index]),
        await client.post("/v1/pdf", files=form, params={"index": "ref/p.html"}),
        await client.post("/v1/pdf?index=ref/p.html", content=zipped(MANUAL), headers=ZIP),
        await send(client, [archive, index]),
        await submit(client, [as_part(wanted), *form]),
        await submit(client, [as_part(wanted), archive]),
    ):
        assert answer.status_code == 202, answer.text
        claim = await worker.start()
        assert (await spec_of(app, claim))["input"] == {
            "html": MANUAL["ref/p.html"].decode(),
            "index": "ref/p.html",
        }
        assert await files_of(app, claim) == {k: v for k, v in MANUAL.items() if k != "ref/p.html"}


async def test_an_idempotency_key_knows_where_the_document_stands_but_not_how_it_was_packed(
    client: httpx.AsyncClient,
) -> None:
    key = {"idempotency-key": "k"}
    first = await client.post("/v1/pdf?index=ref/p.html", content=zipped(MANUAL), headers=ZIP | key)
    form = [("f", (name, content)) for name, content in MANUAL.items()]
    again = await client.post("/v1/pdf?index=ref/p.html", files=form, headers=key)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    moved = {**MANUAL, "p.html": MANUAL["ref/p.html"]}
    other = await client.post("/v1/pdf?index=p.html", content=zipped(moved), headers=ZIP | key)
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_zip_that_holds_one_folder_needs_no_index(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    site = {f"site/{name}": content for name, content in MANUAL.items()}
    assert (await client.post("/v1/pdf", content=zipped(site), headers=ZIP)).status_code == 202
    assert (await spec_of(app, await worker.start()))["input"]["index"] == "site/index.html"


async def test_a_zip_may_hold_the_parts_of_a_merge_beside_other_files(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    archive = ("zip", ("pdfs.zip", zipped({"b/c.pdf": PDF + b"%"})))
    assert (await submit(client, [as_part(JOB), FILES[0], archive])).status_code == 202
    assert await files_of(app, await worker.start()) == {"a.pdf": PDF, "b/c.pdf": PDF + b"%"}


@pytest.mark.parametrize(
    ("content", "query", "status", "said"),
    [
        (b"<p>", "", 400, "is none"),
        (zipped(MANUAL)[:-30], "", 400, "damaged"),
        (zipped({"../a.html": b""}), "", 422, "not a relative file name"),
        (zipped(MANUAL), "?index=../p.html", 422, "no file named"),
        (zipped(MANUAL), "?index=css/a.css", 422, "should be HTML or Markdown"),
        (zipped({"a.html": b" " * 40_000_000}), "", 413, "zip bombs"),
    ],
)
async def test_a_zip_that_cannot_be_used_is_refused(
    client: httpx.AsyncClient, content: bytes, query: str, status: int, said: str
) -> None:
    answer = await client.post(f"/v1/pdf{query}", content=content, headers=ZIP)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]
    if not query:
        inside = await submit(client, [as_part(JOB), ("zip", ("x.zip", content))])
        assert inside.status_code == status
        assert said in inside.json()["detail"]


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"index": "ref/p.html"}, "send it and its files as multipart/form-data"),
        ({"url": "https://example.com/", "index": "p.html"}, "index goes with html or markdown"),
        ({"html": "<p>", "index": "../p.html"}, "should be the name of a file in an upload"),
    ],
)
async def test_an_index_without_files_is_refused(
    client: httpx.AsyncClient, job: dict[str, str], said: str
) -> None:
    answer = await client.post("/v1/jobs", json={"kind": "pdf.render", "input": job})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


async def test_an_index_is_given_once_and_not_with_a_document_as_the_body(client: httpx.AsyncClient) -> None:
    index = ("index", (None, b"index.html"))
    twice = await client.post("/v1/pdf?index=index.html", files=[*PARTS, index])
    beside = await client.post("/v1/pdf?index=a.html", content=b"<p>", headers={"content-type": "text/html"})
    for answer in (twice, beside):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/index")


async def test_a_file_whose_field_is_named_like_a_setting_is_a_file(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    parts = [("index", DOCUMENT[1]), ("options", ("logo.png", LOGO))]
    assert (await send(client, parts)).status_code == 202
    assert await files_of(app, await worker.start()) == {"logo.png": LOGO}
