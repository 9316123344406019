from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.app import Api
from jobs.core.errors.job import RenderFailed
from jobs.core.settings import Settings
from jobs.core.tokens import Scope
from tests.integration.api.conftest import FakeWorker
from tests.integration.api.test_jobs import HELLO, submit

UNKNOWN_BATCH = "bat_01ARZ3NDEKTSV4RRFFQ69G5FAV"


async def submit_batch(client: httpx.AsyncClient, number: int = 2, **members: Any) -> dict[str, Any]:
    answer = await client.post("/v1/batches", json={"jobs": [HELLO] * number, **members})
    assert answer.status_code == 202, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_batch_is_accepted_with_all_its_jobs(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/batches", json={"jobs": [HELLO, HELLO], "metadata": {"run": 7}})
    assert answer.status_code == 202
    batch = answer.json()
    assert answer.headers["location"] == f"/v1/batches/{batch['id']}"
    assert (batch["status"], batch["total"], batch["metadata"]) == ("running", 2, {"run": 7})
    assert set(batch["subscription"]) == {"token", "cursor"}

    shown = (await client.get(f"/v1/batches/{batch['id']}")).json()
    assert {**shown, "subscription": batch["subscription"]} == batch
    listed = (await client.get(shown["links"]["jobs"])).json()["items"]
    assert {job["id"] for job in listed} == set(batch["job_ids"])
    assert {job["batch_id"] for job in listed} == {batch["id"]}


async def test_a_batch_is_completed_by_its_last_job(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    batch = await submit_batch(client)
    await worker.succeed()
    assert (await client.get(f"/v1/batches/{batch['id']}")).json()["status"] == "running"
    await worker.fail(RenderFailed("Broken."))
    shown = (await client.get(f"/v1/batches/{batch['id']}")).json()
    assert (shown["status"], shown["succeeded"], shown["failed"]) == ("completed", 1, 1)
    last = (await client.get("/v1/events")).json()["items"][-1]
    assert (last["type"], last["data"]) == ("batch.completed", {"batch": shown})


async def test_batches_have_the_members_that_the_contract_lists(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    batch = await submit_batch(client)
    assert set(batch) == set(schemas["AcceptedBatch"]["required"])
    assert set(batch["links"]) == set(schemas["BatchLinksDocument"]["required"])


async def test_a_batch_with_an_invalid_job_is_refused_and_the_job_is_named(client: httpx.AsyncClient) -> None:
    wrong = {"kind": "pdf.render", "input": {"html": "<p>", "markdown": "x"}}
    answer = await client.post("/v1/batches", json={"jobs": [HELLO, wrong, {**HELLO, "kind": "none"}]})
    assert answer.status_code == 422
    pointers = [each["pointer"] for each in answer.json()["errors"]]
    assert any(pointer.startswith("/jobs/1/input") for pointer in pointers)
    assert "/jobs/2/kind" in pointers
    assert (await client.get("/v1/jobs")).json()["items"] == []


@pytest.mark.parametrize("number", [0, 101])
async def test_a_batch_has_one_to_a_hundred_jobs(client: httpx.AsyncClient, number: int) -> None:
    answer = await client.post("/v1/batches", json={"jobs": [HELLO] * number})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/jobs"


async def test_a_batch_that_would_overfill_the_queue_is_refused_whole(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/batches", json={"jobs": [HELLO] * 51})
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
    assert (await client.get("/v1/jobs")).json()["items"] == []


async def test_repeating_a_batch_with_its_key_and_content_returns_the_same_batch(
    client: httpx.AsyncClient,
) -> None:
    headers = {"idempotency-key": "k"}
    first = await client.post("/v1/batches", json={"jobs": [HELLO]}, headers=headers)
    again = await client.post("/v1/batches", json={"jobs": [HELLO]}, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    for path, body in (("/v1/batches", {"jobs": [HELLO, HELLO]}), ("/v1/jobs", HELLO)):
        other = await client.post(path, json=body, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_cancelling_a_batch_cancels_its_jobs_that_have_not_ended(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    batch = await submit_batch(client, 3)
    await worker.succeed()
    await worker.start()
    cancelled = await client.post(f"/v1/batches/{batch['id']}/cancel")
    assert cancelled.status_code == 200
    counts = {name: cancelled.json()[name] for name in ("status", "succeeded", "cancelled")}
    assert counts == {"status": "completed", "succeeded": 1, "cancelled": 2}
    again = await client.post(f"/v1/batches/{batch['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "already_finished")


async def test_a_batch_of_another_tenant_is_not_found(
    acme: httpx.AsyncClient, globex: httpx.AsyncClient
) -> None:
    batch_id = (await submit_batch(acme))["id"]
    for unknown in (batch_id, UNKNOWN_BATCH, "bat_x"):
        for method, path in (("GET", f"/v1/batches/{unknown}"), ("POST", f"/v1/batches/{unknown}/cancel")):
            answer = await globex.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (404, "batch_not_found")
        assert (await globex.post("/v1/tokens", json={"batch_id": unknown})).status_code == 404
    assert (await globex.get(f"/v1/jobs?batch_id={batch_id}")).json()["items"] == []


async def test_a_token_for_a_batch_reads_the_batch_and_its_jobs_and_nothing_else(
    keyed_app: Api, acme: httpx.AsyncClient, anonymous: httpx.AsyncClient, keyed_worker: FakeWorker
) -> None:
    batch, other = await submit_batch(acme, 1), await submit_batch(acme, 1)
    single = (await submit(acme))["id"]
    await keyed_worker.succeed()
    (own_job,) = batch["job_ids"]
    minted = (await acme.post("/v1/tokens", json={"batch_id": batch["id"]})).json()["token"]
    readable = [f"/v1/batches/{batch['id']}", f"/v1/jobs?batch_id={batch['id']}"]
    readable += [f"/v1/jobs/{own_job}{part}" for part in ("", "/events", "/result")]
    closed = [f"/v1/batches/{other['id']}", f"/v1/jobs?batch_id={other['id']}", "/v1/jobs"]
    closed += [
        f"/v1/jobs/{id}" for id in (single, other["job_ids"][0], "job_01ARZ3NDEKTSV4RRFFQ69G5FAV", "x")
    ]
    for token in (minted, batch["subscription"]["token"]):
        headers = {"authorization": f"Bearer {token}"}
        for path in readable:
            assert (await anonymous.get(path, headers=headers)).status_code == 200, path
        for path in closed:
            assert (await anonymous.get(path, headers=headers)).status_code == 403, path
        cancel = await anonymous.post(f"/v1/batches/{batch['id']}/cancel", headers=headers)
        assert cancel.status_code == 403
    foreign, _ = keyed_app.services.tokens.mint(
        "globex", Scope(batch_id=batch["id"]), keyed_app.services.clock(), 60
    )
    headers = {"authorization": f"Bearer {foreign}"}
    assert (await anonymous.get(readable[0], headers=headers)).status_code == 404
    assert (await anonymous.get(f"/v1/jobs/{own_job}", headers=headers)).status_code == 403


@pytest.fixture
async def keyed_worker(keyed_settings: Settings) -> AsyncIterator[FakeWorker]:
    worker = FakeWorker(keyed_settings)
    yield worker
    await worker.close()
