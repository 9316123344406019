"""What needs room is refused while the place for documents and results takes nothing."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import Api
from tests.integration.api.conftest import FakeWorker
from tests.integration.api.test_bad_input import assert_problem
from tests.integration.api.test_jobs import HELLO, submit
from testsupport.own_font import own_font

LARGE = "<p>" + "x" * 40_000
RENDER = {"kind": "pdf.render", "input": {"html": LARGE}}


@pytest.fixture
def directory(app: Api) -> Path:
    return app.services.settings.data_dir / "artifacts"


def refuse(directory: Path) -> None:
    """Nothing can be written below a file, not even by root."""
    shutil.rmtree(directory)
    directory.write_bytes(b"")


def allow(directory: Path) -> None:
    directory.unlink()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/jobs", {"json": RENDER}),
        ("POST", "/v1/batches", {"json": {"jobs": [HELLO, RENDER, RENDER]}}),
        ("POST", "/v1/pdf", {"files": [("f", ("index.html", b"<p>", "text/html")), ("f", ("a.png", b"x"))]}),
        (
            "POST",
            "/v1/jobs",
            {"files": [("job", (None, json.dumps(HELLO), "application/json")), ("f", ("a.png", b"x"))]},
        ),
        ("PUT", "/v1/templates/letter", {"json": {"html": LARGE}}),
        ("PUT", "/v1/fonts/house", {"content": own_font(500), "headers": {"content-type": "font/ttf"}}),
    ],
    ids=["job", "batch", "document with files", "job with files", "template", "font"],
)
async def test_it_is_refused_with_the_reason_leaves_nothing_and_is_taken_again_later(
    client: httpx.AsyncClient, app: Api, directory: Path, method: str, path: str, body: dict[str, Any]
) -> None:
    refuse(directory)
    problem = assert_problem(await client.request(method, path, **body), 503, "artifacts_unavailable")
    assert "The place for documents and results is not there." in problem["detail"]
    assert (await client.get("/v1/jobs")).json()["items"] == []
    assert (await client.get("/v1/templates")).json()["items"] == []
    assert (await client.get("/v1/fonts")).json()["items"] == []
    allow(directory)
    assert [path for path in directory.rglob("*") if path.is_file()] == []
    assert (await client.request(method, path, **body)).is_success


async def test_small_documents_are_accepted_meanwhile(client: httpx.AsyncClient, directory: Path) -> None:
    refuse(directory)
    assert (await submit(client))["status"] == "queued"


async def test_results_cannot_be_read_meanwhile(
    client: httpx.AsyncClient, worker: FakeWorker, directory: Path
) -> None:
    await submit(client)
    job_id = await worker.succeed()
    assert (await client.get(f"/v1/jobs/{job_id}/result")).status_code == 200
    moved = directory.rename(directory.with_name("elsewhere"))
    directory.write_bytes(b"")
    assert_problem(await client.get(f"/v1/jobs/{job_id}/result"), 503, "artifacts_unavailable")
    allow(directory)
    moved.rename(directory)
    assert (await client.get(f"/v1/jobs/{job_id}/result")).status_code == 200


async def test_readiness_and_metrics_say_so(client: httpx.AsyncClient, directory: Path) -> None:
    refuse(directory)
    answer = await client.get("/readyz")
    assert answer.status_code == 200, "what needs no room is served"
    ready = answer.json()
    assert ready["artifacts"]["writable"] is False
    assert "is not there" in ready["artifacts"]["reason"]
    assert any("is not there" in warning for warning in ready["warnings"])
    assert "pressrun_artifacts_writable 0.0" in (await client.get("/metrics")).text


async def test_readiness_and_metrics_say_how_much_room_is_left(
    client: httpx.AsyncClient, app: Api, directory: Path
) -> None:
    artifacts = (await client.get("/readyz")).json()["artifacts"]
    assert (artifacts["writable"], artifacts["reason"]) == (True, None)
    assert artifacts["free_bytes"] > 0
    metrics = (await client.get("/metrics")).text
    assert "pressrun_artifacts_writable 1.0" in metrics
    assert "pressrun_artifacts_free_bytes " in metrics
    assert [path for path in directory.rglob("*") if path.is_file()] == []


async def test_a_large_upload_is_refused_with_the_reason_while_temporary_files_have_no_place(
    client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [("f", ("index.html", b"<p>", "text/html")), ("f", ("a.png", bytes(2 * 1024**2)))]
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        problem = assert_problem(await client.post("/v1/pdf", files=parts), 503, "artifacts_unavailable")
    assert "could not be kept while" in problem["detail"]
    assert (await client.post("/v1/pdf", files=parts)).status_code == 202
