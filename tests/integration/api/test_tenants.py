"""No route shows or changes data of another tenant, and a token gives access only to its scope."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from api.app import Api
from api.http.endpoint import Resource
from jobs.core.settings import Settings
from jobs.core.tokens import Scope
from tests.integration.api.conftest import FakeWorker
from tests.integration.api.test_jobs import HELLO, submit
from testsupport.own_font import own_font

FONT, FONT_TYPE = own_font(500), {"content-type": "font/ttf"}
OPEN_PATHS = {"/", "/docs", "/openapi.json", "/asyncapi.json", "/healthz", "/readyz"}
OPEN_FILES = ("/console/", "/client/")
"""Paths that need no credentials. Adding a path here means that everyone may read it."""

UNKNOWN_ID = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
UNKNOWN_BATCH = "bat_01ARZ3NDEKTSV4RRFFQ69G5FAV"
UNKNOWN_NAMES = {
    "{name}": "no-such-template",
    "{version}": "1",
    "{endpoint_id}": "we_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "{delivery_id}": "whd_abcdefghijklmnopqrstuvwxyz",
}


@pytest.fixture
async def worker(keyed_settings: Settings) -> AsyncIterator[FakeWorker]:
    worker = FakeWorker(keyed_settings)
    yield worker
    await worker.close()


def guarded(app: Api) -> list[tuple[str, str]]:
    """Returns every method of every path that needs credentials."""
    return [
        (method, route.path)
        for route in app.routes
        if isinstance(route, Resource)
        for method, endpoint in sorted(route.endpoints.items())
        if endpoint.operation.guard != "open"
    ]


def with_ids(path: str, job_id: str) -> str:
    """Returns the path with ids of another tenant in every place that takes one."""
    known = {"{job_id}": job_id, "{batch_id}": UNKNOWN_BATCH, **UNKNOWN_NAMES}
    assert set(re.findall(r"{\w+}", path)) <= set(known), "teach this test about the new kind of id"
    for name, value in known.items():
        path = path.replace(name, value)
    return path


def test_every_path_is_guarded_or_known_to_be_open(keyed_app: Api) -> None:
    open_paths = {
        route.path
        for route in keyed_app.routes
        if isinstance(route, Route)
        if not isinstance(route, Resource)
        or any(endpoint.operation.guard == "open" for endpoint in route.endpoints.values())
    }
    assert {path for path in open_paths if not path.startswith(OPEN_FILES)} == OPEN_PATHS


async def test_requests_without_credentials_are_refused(keyed_app: Api, anonymous: httpx.AsyncClient) -> None:
    for method, path in guarded(keyed_app):
        answer = await anonymous.request(method, with_ids(path, UNKNOWN_ID))
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "value", ["Bearer wrong-key-0123456789", "Bearer a.b.c", "Bearer", "Basic eDp5", "", "Bearer a b"]
)
async def test_requests_with_wrong_credentials_are_refused(
    keyed_app: Api, anonymous: httpx.AsyncClient, value: str
) -> None:
    for method, path in guarded(keyed_app):
        url = with_ids(path, UNKNOWN_ID)
        answer = await anonymous.request(method, url, headers={"authorization": value})
        assert answer.status_code == 401, (method, path)


async def test_a_job_of_another_tenant_is_not_found_on_any_route(
    keyed_app: Api, acme: httpx.AsyncClient, globex: httpx.AsyncClient, worker: FakeWorker
) -> None:
    queued = (await submit(acme))["id"]
    succeeded = await worker.succeed()
    queued = (await submit(acme))["id"]
    of_jobs = [(method, path) for method, path in guarded(keyed_app) if "{job_id}" in path]
    assert len(of_jobs) >= 8
    for job_id in (queued, succeeded):
        for method, path in of_jobs:
            theirs = await globex.request(method, with_ids(path, job_id))
            unknown = await globex.request(method, with_ids(path, UNKNOWN_ID))
            assert theirs.status_code == 404, (method, path)
            assert theirs.text.replace(job_id, UNKNOWN_ID) == unknown.text, (method, path)
        assert (await globex.post("/v1/tokens", json={"job_id": job_id})).status_code == 404
    assert (await acme.get(f"/v1/jobs/{queued}")).json()["status"] == "queued"
    assert (await acme.get(f"/v1/jobs/{succeeded}/result")).status_code == 200


async def test_a_template_of_another_tenant_is_not_found_on_any_route(
    keyed_app: Api, acme: httpx.AsyncClient, globex: httpx.AsyncClient
) -> None:
    assert (await acme.put("/v1/templates/letter", json={"html": "<p>Dear"})).status_code == 201
    of_templates = [
        (method, path)
        for method, path in guarded(keyed_app)
        if path.startswith("/v1/templates/{name}") and (method, path) != ("PUT", "/v1/templates/{name}")
    ]
    assert len(of_templates) >= 7
    for method, path in of_templates:
        url = with_ids(path, UNKNOWN_ID)
        content = {"json": {}} if method == "POST" else {}
        theirs = await globex.request(method, url.replace("no-such-template", "letter"), **content)
        unknown = await globex.request(method, url, **content)
        assert theirs.status_code == 404, (method, path)
        assert theirs.text.replace("letter", "no-such-template") == unknown.text, (method, path)
    job = {"kind": "pdf.render", "input": {"template": "letter"}}
    assert (await globex.post("/v1/jobs", json=job)).status_code == 404
    assert (await globex.post("/v1/batches", json={"jobs": [job]})).status_code == 404
    # Templates of the same name of two tenants have separate version numbers.
    for html in ("<p>1", "<p>2"):
        await globex.put("/v1/templates/letter", json={"html": html})
    assert (await globex.get("/v1/templates/letter")).json()["version"] == 2
    assert (await acme.get("/v1/templates/letter")).json()["version"] == 1
    assert (await globex.delete("/v1/templates/letter")).status_code == 204
    assert (await acme.post("/v1/jobs", json=job)).status_code == 202


async def test_a_font_of_another_tenant_is_not_found_on_any_route(
    keyed_app: Api, acme: httpx.AsyncClient, globex: httpx.AsyncClient
) -> None:
    assert (await acme.put("/v1/fonts/house", content=FONT, headers=FONT_TYPE)).status_code == 201
    of_fonts = [
        (method, path)
        for method, path in guarded(keyed_app)
        if path.startswith("/v1/fonts/{name}") and method != "PUT"
    ]
    assert len(of_fonts) >= 2
    for method, path in of_fonts:
        theirs = await globex.request(method, path.replace("{name}", "house"))
        unknown = await globex.request(method, path.replace("{name}", "nothing"))
        assert theirs.status_code == 404, (method, path)
        assert theirs.text.replace("house", "nothing") == unknown.text, (method, path)
    assert (await globex.get("/v1/fonts")).json()["items"] == []
    # The same file under the same name is a font of its own.
    assert (await globex.put("/v1/fonts/house", content=FONT, headers=FONT_TYPE)).status_code == 201
    assert (await globex.delete("/v1/fonts/house")).status_code == 204
    assert (await acme.get("/v1/fonts/house")).status_code == 200


async def test_lists_and_logs_show_only_the_data_of_the_tenant(
    acme: httpx.AsyncClient, globex: httpx.AsyncClient
) -> None:
    await submit(acme, tags=["x"])
    await acme.put("/v1/templates/letter", json={"html": "<p>Dear"})
    assert (await globex.get("/v1/templates")).json()["items"] == []
    assert (await globex.get("/v1/jobs?tag=x")).json()["items"] == []
    assert (await globex.get("/v1/events")).json()["items"] == []
    assert len((await acme.get("/v1/events")).json()["items"]) == 1


async def test_tenants_may_use_the_same_idempotency_key(
    acme: httpx.AsyncClient, globex: httpx.AsyncClient
) -> None:
    headers = {"idempotency-key": "k"}
    first = await acme.post("/v1/jobs", json=HELLO, headers=headers)
    other = await globex.post("/v1/jobs", json=HELLO, headers=headers)
    assert first.json()["id"] != other.json()["id"]


def token_headers(app: Api, tenant: str, ttl_seconds: int = 60, **scope: Any) -> dict[str, str]:
    token, _ = app.services.tokens.mint(tenant, Scope(**scope), app.services.clock(), ttl_seconds)
    return {"authorization": f"Bearer {token}"}


async def test_a_token_for_a_job_reads_that_job_and_nothing_else(
    keyed_app: Api, acme: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    job_id, other_id = (await submit(acme))["id"], (await submit(acme))["id"]
    headers = token_headers(keyed_app, "acme", job_id=job_id)
    for method, path in guarded(keyed_app):
        own = await anonymous.request(method, with_ids(path, job_id), headers=headers)
        readable = method in ("GET", "HEAD") and "{job_id}" in path
        assert (own.status_code in (200, 409)) == readable, (method, path)
        assert readable or own.status_code == 403, (method, path)
        other = await anonymous.request(method, with_ids(path, other_id), headers=headers)
        assert other.status_code == 403, (method, path)


async def test_a_token_for_the_channel_reads_jobs_and_the_log(
    keyed_app: Api, acme: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    job_id = (await submit(acme))["id"]
    headers = token_headers(keyed_app, "acme", channel="jobs")
    assert (await anonymous.get(f"/v1/jobs/{job_id}", headers=headers)).status_code == 200
    assert len((await anonymous.get("/v1/events", headers=headers)).json()["items"]) == 1
    assert (await anonymous.delete(f"/v1/jobs/{job_id}", headers=headers)).status_code == 403
    foreign = token_headers(keyed_app, "globex", channel="jobs")
    assert (await anonymous.get(f"/v1/jobs/{job_id}", headers=foreign)).status_code == 404


async def test_expired_and_forged_tokens_are_refused(
    keyed_app: Api, acme: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    job_id = (await submit(acme))["id"]
    expired = token_headers(keyed_app, "acme", ttl_seconds=-1, job_id=job_id)
    answer = await anonymous.get(f"/v1/jobs/{job_id}", headers=expired)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")
    good = token_headers(keyed_app, "acme", job_id=job_id)["authorization"]
    head, _, signature = good.rpartition(".")
    forged = {"authorization": f"{head}.{signature[::-1]}"}
    answer = await anonymous.get(f"/v1/jobs/{job_id}", headers=forged)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


async def test_readiness_shows_details_only_to_operators(
    operator: httpx.AsyncClient, acme: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    assert (await anonymous.get("/readyz")).json() == {"status": "ready"}
    assert (await acme.get("/readyz")).json() == {"status": "ready"}
    assert "store" in (await operator.get("/readyz")).json()


async def test_metrics_are_for_operators_only(
    keyed_app: Api, operator: httpx.AsyncClient, acme: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    assert "pressrun_http_requests_total" in (await operator.get("/metrics")).text
    refused = await acme.get("/metrics")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "PRESSRUN_OPERATOR_KEYS" in refused.json()["detail"]
    token = await anonymous.get("/metrics", headers=token_headers(keyed_app, "acme", job_id=UNKNOWN_ID))
    assert (token.status_code, token.json()["code"]) == (403, "forbidden")
    for headers in ({}, {"authorization": "Bearer operator-key-of-another"}):
        answer = await anonymous.get("/metrics", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_an_operator_key_belongs_to_no_tenant(operator: httpx.AsyncClient, keyed_app: Api) -> None:
    for method, path in guarded(keyed_app):
        if path != "/metrics":
            answer = await operator.request(method, with_ids(path, UNKNOWN_ID))
            assert (answer.status_code, path) == (401, path)


async def test_with_api_keys_any_host_name_and_a_proxy_are_accepted(acme: httpx.AsyncClient) -> None:
    headers = {
        "host": "press.example.com",
        "x-forwarded-for": "203.0.113.9",
        "origin": "https://app.example.com",
    }
    assert (await acme.get("/v1/jobs", headers=headers)).status_code == 200
