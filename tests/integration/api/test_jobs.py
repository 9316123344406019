from __future__ import annotations

import asyncio
import datetime
from typing import Any

import httpx
import pytest

from api.app import Api
from jobs.core.errors.job import RenderTimeout
from jobs.isolation.level import offered
from tests.integration.api.conftest import FakeWorker

HELLO = {"kind": "pdf.render", "input": {"html": "<h1>Hello</h1>"}}


async def submit(client: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    answer = await client.post("/v1/jobs", json={**HELLO, **members})
    assert answer.status_code == 202, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def has_waiters(app: Api, count: int = 1) -> None:
    """Returns when that many requests are waiting."""
    async with asyncio.timeout(10):
        while len(app.services.waiters) < count:  # noqa: ASYNC110 (waiting is nothing the app announces)
            await asyncio.sleep(0.002)


async def test_the_answer_to_a_submission_has_what_a_client_needs_to_follow_the_job(
    client: httpx.AsyncClient, app: Api
) -> None:
    answer = await client.post("/v1/jobs", json=HELLO)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert answer.headers["content-type"] == "application/json"
    assert "idempotent-replayed" not in answer.headers
    assert (job["status"], job["version"], job["attempt"]) == ("queued", 1, 0)
    assert job["subscription"]["cursor"].endswith(".1")
    grant = app.services.tokens.verify(job["subscription"]["token"], app.services.clock())
    assert (grant.tenant, grant.scope.job_id) == ("default", job["id"])


async def test_all_members_of_a_submission_are_kept(client: httpx.AsyncClient) -> None:
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    wanted = {
        "options": {"page_size": "a5", "filename": "x.pdf"},
        "priority": "high",
        "scheduled_at": later.isoformat(),
        "expires_in_seconds": 7200,
        "max_attempts": 5,
        "timeout_seconds": 30,
        "metadata": {"order": 7, "nested": {"ü": [1, None]}},
        "tags": ["invoice", "ü", "invoice"],
    }
    job = await submit(client, **wanted)
    assert job["status"] == "scheduled"
    assert job["scheduled_at"] == later.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert (job["priority"], job["max_attempts"]) == ("high", 5)
    assert job["metadata"] == wanted["metadata"]
    assert job["tags"] == ["invoice", "ü"]


async def test_the_same_idempotency_key_and_content_is_the_same_job(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "order 7"}
    first = await client.post("/v1/jobs", json={**HELLO, "metadata": {"a": 1, "b": 2}}, headers=headers)
    again = await client.post(
        "/v1/jobs",
        content=b'{"metadata":{"b":2,"a":1},"input":{"html":"<h1>Hello</h1>"},"kind":"pdf.render"}',
        headers={**headers, "content-type": "application/json"},
    )
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    other = await client.post("/v1/jobs", json={**HELLO, "metadata": {"a": 1}}, headers=headers)
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\tb"])
async def test_an_idempotency_key_must_be_printable(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post("/v1/jobs", json=HELLO, headers=[(b"idempotency-key", key.encode())])
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_the_answer_of_a_full_queue_has_a_retry_after(client: httpx.AsyncClient) -> None:
    for _ in range(50):
        await submit(client)
    answer = await client.post("/v1/jobs", json=HELLO)
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_queued_job_shows_its_position(client: httpx.AsyncClient) -> None:
    first, second = await submit(client), await submit(client)
    assert (await client.get(f"/v1/jobs/{first['id']}")).json()["queue"] == {"position": 1}
    assert (await client.get(f"/v1/jobs/{second['id']}")).json()["queue"] == {"position": 2}


async def test_a_job_has_an_etag_that_follows_its_version(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    job = await submit(client)
    url = f"/v1/jobs/{job['id']}"
    answer = await client.get(url)
    assert answer.headers["etag"] == 'W/"1"'
    unchanged = await client.get(url, headers={"if-none-match": '"1"'})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", 'W/"1"')
    await worker.start()
    changed = await client.get(url, headers={"if-none-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    assert "queue" not in changed.json()


async def test_a_long_poll_answers_when_the_job_is_finished(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    job = await submit(client)
    waiting = asyncio.create_task(client.get(f"/v1/jobs/{job['id']}?wait=25"))
    await has_waiters(app)
    claim = await worker.start()
    await worker.succeed(claim)
    answer = await waiting
    assert answer.json()["status"] == "succeeded"
    assert len(app.services.waiters) == 0


async def test_a_long_poll_with_an_etag_answers_at_the_next_version(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    job = await submit(client)
    waiting = asyncio.create_task(
        client.get(f"/v1/jobs/{job['id']}?wait=25", headers={"if-none-match": 'W/"1"'})
    )
    await has_waiters(app)
    await worker.start()
    assert (await waiting).json()["status"] == "running"


async def test_a_long_poll_ends_with_the_job_as_it_is(client: httpx.AsyncClient) -> None:
    job = await submit(client)
    answer = await client.get(f"/v1/jobs/{job['id']}?wait=1")
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    unchanged = await client.get(f"/v1/jobs/{job['id']}?wait=1", headers={"if-none-match": '"1"'})
    assert unchanged.status_code == 304


async def test_jobs_are_listed_newest_first_page_by_page(client: httpx.AsyncClient) -> None:
    made = [(await submit(client, tags=["odd"] if n % 2 else []))["id"] for n in range(5)]
    first = (await client.get("/v1/jobs?limit=3")).json()
    second = (await client.get("/v1/jobs", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [job["id"] for job in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None
    tagged = (await client.get("/v1/jobs?tag=odd&status=queued&kind=pdf.render")).json()
    assert [job["id"] for job in tagged["items"]] == [made[3], made[1]]
    assert (await client.get("/v1/jobs?status=failed")).json() == {"items": [], "next_cursor": None}


async def test_a_job_is_cancelled_once(client: httpx.AsyncClient) -> None:
    job = await submit(client)
    answer = await client.post(f"/v1/jobs/{job['id']}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    again = await client.post(f"/v1/jobs/{job['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "already_finished")


async def test_only_a_finished_job_is_deleted(client: httpx.AsyncClient) -> None:
    job = await submit(client)
    url = f"/v1/jobs/{job['id']}"
    early = await client.delete(url)
    assert (early.status_code, early.json()["code"]) == (409, "not_finished")
    await client.post(f"{url}/cancel")
    gone = await client.delete(url)
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.get(url)).json()["code"] == "job_not_found"


async def test_a_failed_job_is_run_again_as_a_new_one(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    job = await submit(client, metadata={"a": 1}, tags=["x"], priority="low", max_attempts=1)
    early = await client.post(f"/v1/jobs/{job['id']}/retry")
    assert (early.status_code, early.json()["code"]) == (409, "not_finished")
    await worker.fail(RenderTimeout("It took too long."))
    answer = await client.post(f"/v1/jobs/{job['id']}/retry")
    again = answer.json()
    assert answer.status_code == 202
    assert again["id"] != job["id"]
    assert again["retry_of"] == job["id"]
    kept = ("kind", "priority", "max_attempts", "metadata", "tags")
    assert {name: again[name] for name in kept} == {name: job[name] for name in kept}
    assert (await worker.start()).spec == b'{"input":{"html":"<h1>Hello</h1>"},"options":{}}'


async def test_a_succeeded_job_has_no_input_to_run_again(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    job = await submit(client)
    await worker.succeed()
    answer = await client.post(f"/v1/jobs/{job['id']}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "input_gone")


async def test_the_events_of_a_job_are_the_bytes_of_the_log(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    await submit(client)
    job = await submit(client)
    await worker.succeed()
    await worker.succeed()
    of_job = await client.get(f"/v1/jobs/{job['id']}/events")
    assert [event["type"] for event in of_job.json()["items"]] == [
        "job.queued",
        "job.started",
        "job.succeeded",
    ]
    page = (await client.get("/v1/events?limit=4")).json()
    rest = (await client.get("/v1/events", params={"after": page["next_cursor"]})).json()
    events = page["items"] + rest["items"]
    assert [event["sequence"] for event in events] == list(range(1, 7))
    assert [event for event in events if event["data"]["job"]["id"] == job["id"]] == of_job.json()["items"]


async def test_a_filtered_page_without_events_says_whether_later_ones_may_match(
    client: httpx.AsyncClient,
) -> None:
    for _ in range(3):
        await submit(client)
    last = await submit(client)
    query, found = {"job_id": last["id"], "limit": "2"}, []

    first = page = (await client.get("/v1/events", params=query)).json()
    while page["has_more"]:
        page = (await client.get("/v1/events", params={**query, "after": page["next_cursor"]})).json()
        found += page["items"]
    end = (await client.get("/v1/events", params={**query, "after": page["next_cursor"]})).json()

    assert (first["items"], first["has_more"]) == ([], True)
    assert [event["data"]["job"]["id"] for event in found] == [last["id"]]
    assert end == {"items": [], "next_cursor": page["next_cursor"], "has_more": False}


async def test_the_answer_to_an_expired_cursor_has_the_one_to_go_on_with(client: httpx.AsyncClient) -> None:
    await submit(client)
    answer = await client.get("/v1/events?after=zzz.7")
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")
    assert (await client.get("/v1/events", params={"after": answer.json()["cursor"]})).status_code == 200
    nonsense = await client.get("/v1/events?after=nonsense")
    assert (nonsense.status_code, nonsense.json()["errors"][0]["pointer"]) == (422, "/after")


async def test_tokens_are_made_for_a_job_or_for_all(client: httpx.AsyncClient, app: Api) -> None:
    job = await submit(client)
    for body in ({"job_id": job["id"]}, {"channel": "jobs"}):
        answer = await client.post("/v1/tokens", json={**body, "ttl_seconds": 60})
        token = answer.json()
        grant = app.services.tokens.verify(token["token"], app.services.clock())
        assert grant.scope.claims() == body
        expires = datetime.datetime.fromisoformat(token["expires_at"]).timestamp()
        assert 50 < expires - app.services.clock() <= 61
        assert token["url"] == "ws://localhost:8001/v1/ws"


@pytest.mark.parametrize(
    "body", [{}, {"channel": "jobs", "job_id": "job_1"}, {"channel": "x"}, {"ttl_seconds": 0}]
)
async def test_a_token_has_exactly_one_scope(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await client.post("/v1/tokens", json=body)).status_code == 422


async def test_readiness_reports_the_store_and_the_fonts(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    ready = (await client.get("/readyz")).json()
    assert ready["status"] == "ready"
    assert ready["store"]["durability"] == "always"
    assert ready["fonts"]["subsetting"] in ("fast", "slow")
    assert ready["isolation"] == {"level": offered().level, "missing": [*offered().missing]}


async def test_metrics_count_jobs_and_requests(client: httpx.AsyncClient) -> None:
    await submit(client)
    await client.get("/v1/jobs/nonsense")
    await client.request("BREW", "/coffee")
    text = (await client.get("/metrics")).text
    assert 'pressrun_jobs_accepted_total{kind="pdf.render",replayed="false"} 1.0' in text
    assert 'pressrun_http_requests_total{method="POST",route="/v1/jobs",status="202"} 1.0' in text
    assert 'pressrun_http_requests_total{method="GET",route="/v1/jobs/{job_id}",status="404"} 1.0' in text
    assert 'pressrun_http_requests_total{method="other",route="none",status="404"} 1.0' in text


async def test_metrics_tell_what_waits_and_count_what_is_cancelled(client: httpx.AsyncClient) -> None:
    job = await submit(client, priority="high")
    batch = (await client.post("/v1/batches", json={"jobs": [HELLO, HELLO]})).json()
    text = (await client.get("/metrics")).text
    assert 'pressrun_queue_waiting_jobs{kind="pdf.render",priority="high"} 1.0' in text
    assert 'pressrun_queue_waiting_jobs{kind="pdf.render",priority="normal"} 2.0' in text
    assert f'pressrun_isolation_level{{level="{offered().level}"}} 1.0' in text
    await client.post(f"/v1/jobs/{job['id']}/cancel")
    await client.post(f"/v1/batches/{batch['id']}/cancel")
    text = (await client.get("/metrics")).text
    for priority, number in (("high", 1), ("normal", 2)):
        labels = f'code="",kind="pdf.render",priority="{priority}",status="cancelled"'
        assert f"pressrun_jobs_ended_total{{{labels}}} {number}.0" in text
        assert f'pressrun_queue_waiting_jobs{{kind="pdf.render",priority="{priority}"}} 0.0' in text


async def test_metrics_have_exemplars_for_those_who_ask(client: httpx.AsyncClient) -> None:
    plain = await client.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=")
    accept = "application/openmetrics-text; version=1.0.0"
    page = await client.get("/metrics", headers={"accept": accept})
    assert page.headers["content-type"].startswith(accept)
    assert page.text.endswith("# EOF\n")


async def test_the_documentation_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "POST</b> /v1/jobs<" in page.text
    assert (await client.get("/openapi.json")).json()["openapi"] == "3.1.0"
