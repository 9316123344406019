"""Pages of allowed origins may call the API with a key or token; no others may."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator

import httpx
import pytest

from jobs.core.settings import Settings
from tests.integration.api.conftest import ACME_KEY, caller, running
from tests.integration.api.test_jobs import HELLO

ALLOWED = "https://app.example.com"
FOREIGN = "https://evil.example.com"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}


@pytest.fixture
async def page(keyed_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    settings = dataclasses.replace(keyed_settings, allowed_origins=(ALLOWED,))
    async with running(settings) as app, caller(app) as client:
        yield client


async def test_a_preflight_of_an_allowed_page_is_answered_without_credentials(
    page: httpx.AsyncClient,
) -> None:
    answer = await page.options("/v1/jobs", headers={"origin": ALLOWED, **PREFLIGHT})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["vary"] == "Origin"


async def test_an_allowed_page_may_read_answers_and_their_headers(page: httpx.AsyncClient) -> None:
    headers = {"origin": ALLOWED, "authorization": f"Bearer {ACME_KEY}"}
    answer = await page.post("/v1/jobs", json=HELLO, headers=headers)
    assert answer.status_code == 202
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert {"location", "etag", "idempotent-replayed", "retry-after", "preference-applied"} <= exposed
    assert "content-disposition" in exposed


async def test_an_allowed_page_may_read_why_it_was_refused(page: httpx.AsyncClient) -> None:
    answer = await page.get("/v1/jobs", headers={"origin": ALLOWED})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == ALLOWED


@pytest.mark.parametrize("origin", [FOREIGN, "null", f"{ALLOWED}.evil.com", ALLOWED.upper()])
async def test_pages_of_other_origins_get_no_permission(page: httpx.AsyncClient, origin: str) -> None:
    preflight = await page.options("/v1/jobs", headers={"origin": origin, **PREFLIGHT})
    assert preflight.status_code == 405
    answer = await page.get("/v1/jobs", headers={"origin": origin, "authorization": f"Bearer {ACME_KEY}"})
    for each in (preflight, answer):
        assert not [name for name in each.headers if name.startswith("access-control-")]
        assert each.headers["vary"] == "Origin"


async def test_without_allowed_origins_no_page_gets_permission(acme: httpx.AsyncClient) -> None:
    preflight = await acme.options("/v1/jobs", headers={"origin": ALLOWED, **PREFLIGHT})
    assert preflight.status_code == 405
    answer = await acme.get("/v1/jobs", headers={"origin": ALLOWED})
    for each in (preflight, answer):
        assert not [name for name in each.headers if name.startswith("access-control-")]


async def test_without_api_keys_an_allowed_page_is_served_and_others_are_refused(settings: Settings) -> None:
    async with (
        running(dataclasses.replace(settings, allowed_origins=(ALLOWED,))) as app,
        caller(app) as client,
    ):
        allowed = await client.get("/v1/jobs", headers={"origin": ALLOWED})
        foreign = await client.get("/v1/jobs", headers={"origin": FOREIGN})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ALLOWED)
    assert foreign.status_code == 403
    assert "access-control-allow-origin" not in foreign.headers


async def test_files_that_are_open_to_all_pages_stay_so(page: httpx.AsyncClient) -> None:
    answer = await page.get("/client/pressrun.js", headers={"origin": FOREIGN})
    assert answer.headers["access-control-allow-origin"] == "*"
