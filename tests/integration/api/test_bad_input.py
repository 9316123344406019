"""Bad requests are answered with a clear 4xx problem, and the server goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.api.test_jobs import HELLO, submit

JSON = {"content-type": "application/json"}
MEMBERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=5,
)


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Returns the problem document (RFC 9457), which must be complete."""
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"].endswith(f"/docs#{code}")
    assert problem["instance"] == answer.request.url.path
    assert problem["title"]
    assert problem["detail"].endswith(".")
    return problem


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"\x00",
        b"{}{}",
        b'{"kind":NaN}',
        b'{"kind":"pdf.render","kind":"pdf.render"}',
        b'{"kind":"pdf.render","input":{"html":"\\ud800"}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"kind":"pdf.render","input":{"html":"x"},"metadata":' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}",
        b'{"metadata":{"n":' + b"9" * 10_000 + b"}}",
    ],
)
async def test_a_body_that_is_not_json_is_malformed(client: httpx.AsyncClient, body: bytes) -> None:
    assert_problem(await client.post("/v1/jobs", content=body, headers=JSON), 400, "malformed_body")


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json"]
)
async def test_json_needs_its_content_type(client: httpx.AsyncClient, content_type: str) -> None:
    body = json.dumps(HELLO).encode()
    answer = await client.post("/v1/jobs", content=body, headers={"content-type": content_type})
    assert_problem(answer, 415, "unsupported_media_type")


async def test_the_content_type_of_json_may_be_spelled_differently(client: httpx.AsyncClient) -> None:
    headers = {"content-type": 'Application/JSON ; charset="UTF-8"'}
    assert (
        await client.post("/v1/jobs", content=json.dumps(HELLO).encode(), headers=headers)
    ).status_code == 202


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"kind": "no.such"}, "/kind"),
        ({"kind": 1}, "/kind"),
        ({"kind": ""}, "/kind"),
        ({"input": None}, "/input"),
        ({"input": []}, "/input"),
        ({"input": {}}, "/input"),
        ({"input": {"html": 1}}, "/input/html"),
        ({"input": {"html": ""}}, "/input/html"),
        ({"input": {"html": "x", "url": "https://x.example"}}, "/input"),
        ({"options": {"nonsense": 1}}, "/options/nonsense"),
        ({"options": {"zoom": "big"}}, "/options/zoom"),
        ({"options": None}, "/options"),
        ({"priority": "urgent"}, "/priority"),
        ({"scheduled_at": "tomorrow"}, "/scheduled_at"),
        ({"scheduled_at": 1700000000}, "/scheduled_at"),
        ({"scheduled_at": "2026-01-31T12:00:00"}, "/scheduled_at"),
        ({"scheduled_at": "2026-02-31T12:00:00Z"}, "/scheduled_at"),
        ({"scheduled_at": "9999-12-31T23:59:59-23:59"}, "/scheduled_at"),
        ({"scheduled_at": "9999-12-31T23:59:59Z"}, "/scheduled_at"),
        ({"scheduled_at": "9999-12-31T23:59:60Z"}, "/scheduled_at"),
        ({"scheduled_at": "2016-12-31T12:00:60Z"}, "/scheduled_at"),
        ({"expires_in_seconds": 0}, "/expires_in_seconds"),
        ({"expires_in_seconds": 10**15}, "/expires_in_seconds"),
        ({"max_attempts": 0}, "/max_attempts"),
        ({"max_attempts": 21}, "/max_attempts"),
        ({"max_attempts": True}, "/max_attempts"),
        ({"max_attempts": 1.5}, "/max_attempts"),
        ({"max_attempts": "3"}, "/max_attempts"),
        ({"timeout_seconds": 0}, "/timeout_seconds"),
        ({"timeout_seconds": 61}, "/timeout_seconds"),
        ({"metadata": []}, "/metadata"),
        ({"metadata": {"a": "x" * 9000}}, "/metadata"),
        ({"tags": "x"}, "/tags"),
        ({"tags": [1]}, "/tags/0"),
        ({"tags": [""]}, "/tags/0"),
        ({"tags": ["x" * 65]}, "/tags/0"),
        ({"tags": ["ok", "a\nb"]}, "/tags/1"),
        ({"tags": [str(n) for n in range(17)]}, "/tags"),
        ({"unknown": 1}, "/unknown"),
        ({"a/b~c": 1}, "/a~1b~0c"),
    ],
)
async def test_members_that_are_not_valid_are_named(
    client: httpx.AsyncClient, members: dict[str, Any], pointer: str
) -> None:
    problem = assert_problem(await client.post("/v1/jobs", json={**HELLO, **members}), 422, "invalid_input")
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert (await client.get("/v1/jobs")).json()["items"] == []


async def test_an_expiry_before_the_start_is_a_contradiction(client: httpx.AsyncClient) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    body = {**HELLO, "scheduled_at": tomorrow.isoformat(), "expires_in_seconds": 1}
    problem = assert_problem(await client.post("/v1/jobs", json=body), 422, "invalid_input")
    assert problem["errors"][0]["pointer"] == "/expires_in_seconds"


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"1"])
async def test_json_that_is_not_an_object_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    for path in ("/v1/jobs", "/v1/tokens"):
        assert_problem(await client.post(path, content=body, headers=JSON), 422, "invalid_input")


async def test_a_body_with_a_content_length_above_the_limit_is_not_read(client: httpx.AsyncClient) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    headers = {**JSON, "content-length": str(51 * 1024**2)}
    assert_problem(await client.post("/v1/jobs", content=never(), headers=headers), 413, "body_too_large")


async def test_a_body_that_grows_too_large_is_refused(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(51):
            yield b" " * 1024**2

    for path, content_type in (("/v1/jobs", "application/json"), ("/v1/pdf", "text/html")):
        answer = await client.post(path, content=endless(), headers={"content-type": content_type})
        assert_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    "job_id",
    [
        "nonsense",
        "job_",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "job_01arz3ndektsv4rrffq69g5fav",
        "%00",
        "%ff",
        "%0d%0a",
        "x" * 4000,
        "..%2f",
    ],
)
async def test_ids_that_name_nothing_are_not_found(client: httpx.AsyncClient, job_id: str) -> None:
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/result"),
        ("GET", "/events"),
        ("POST", "/cancel"),
        ("POST", "/retry"),
    ):
        answer = await client.request(method, f"/v1/jobs/{job_id}{path}")
        assert answer.status_code == 404, (method, path)
        assert answer.json()["code"] in ("job_not_found", "not_found")


@pytest.mark.parametrize("path", ["/nowhere", "/v1", "/v1/jobs/", "/v1/jobs/x/y", "/v2/jobs"])
async def test_paths_that_are_not_there_are_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_answer_to_a_wrong_method_lists_the_right_ones(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/jobs")
    assert_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    answer = await client.delete("/healthz")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/jobs?limit=0", "/limit"),
        ("/v1/jobs?limit=101", "/limit"),
        ("/v1/jobs?limit=ten", "/limit"),
        ("/v1/jobs?limit=", "/limit"),
        ("/v1/jobs?status=done", "/status"),
        ("/v1/jobs?staus=queued", "/staus"),
        ("/v1/jobs?tag=", "/tag"),
        ("/v1/jobs?cursor=x", "/cursor"),
        ("/v1/jobs?cursor=1-job_x", "/cursor"),
        ("/v1/events?limit=-1", "/limit"),
        ("/v1/events?after=k3f9.", "/after"),
        ("/v1/jobs/job_01ARZ3NDEKTSV4RRFFQ69G5FAV?wait=26", "/wait"),
        ("/v1/jobs/job_01ARZ3NDEKTSV4RRFFQ69G5FAV?wait=soon", "/wait"),
    ],
)
async def test_parameters_that_are_not_valid_are_named(
    client: httpx.AsyncClient, path: str, pointer: str
) -> None:
    problem = (await client.get(path)).json()
    assert (problem["status"], problem["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    "query", ["limit=1&limit=2", "tag=%ff", "&".join(f"a{n}=1" for n in range(100)), "tag=%00"]
)
async def test_malformed_query_strings_are_refused(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/v1/jobs?{query}")).json()["code"] == "invalid_input"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    members=st.dictionaries(
        st.sampled_from(
            ["kind", "input", "options", "tags", "metadata", "max_attempts", "scheduled_at", "x"]
        ),
        MEMBERS,
    )
)
async def test_no_members_break_the_server(client: httpx.AsyncClient, members: dict[str, Any]) -> None:
    body = json.dumps({**HELLO, **members}).encode("utf-8", "surrogatepass")
    answer = await client.post("/v1/jobs", content=body, headers=JSON)
    assert answer.status_code in (202, 400, 422, 429), answer.text


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(body=st.binary(max_size=60))
async def test_no_bytes_break_the_server(client: httpx.AsyncClient, body: bytes) -> None:
    for path, content_type in (
        ("/v1/jobs", "application/json"),
        ("/v1/tokens", "application/json"),
        ("/v1/pdf", "text/html"),
    ):
        answer = await client.post(path, content=body, headers={"content-type": content_type})
        assert answer.status_code in (202, 400, 422, 429), answer.text


async def test_after_bad_requests_the_server_still_serves(client: httpx.AsyncClient) -> None:
    assert (await submit(client))["status"] == "queued"
