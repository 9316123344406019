from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
import structlog
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import ProblemMiddleware, checked
from jobs.core.errors.request import (
    CursorExpired,
    InvalidInput,
    QueueFull,
    RangeNotSatisfiable,
    Unauthenticated,
)
from jobs.core.errors.store import StoreEvicts, StoreFull, StoreUnavailable

BASE = "https://press.example.com"


def raising(error: Exception) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return ProblemMiddleware(app, BASE)


async def answer_to(error: Exception) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(raising(error)), base_url=BASE) as client:
        return await client.get("/some/path")


@pytest.mark.parametrize(
    ("error", "status", "code", "headers"),
    [
        (Unauthenticated("No."), 401, "unauthenticated", {"www-authenticate": "Bearer"}),
        (QueueFull("Full."), 429, "queue_full", {"retry-after": "5"}),
        (StoreUnavailable("Away."), 503, "store_unavailable", {"retry-after": "2"}),
        (StoreFull("Full."), 503, "store_full", {"retry-after": "10"}),
        (StoreEvicts("Evicts."), 503, "store_evicts", {"retry-after": "60"}),
        (RangeNotSatisfiable(7), 416, "range_not_satisfiable", {"content-range": "bytes */7"}),
        (HTTPException(404), 404, "not_found", {}),
        (HTTPException(405, headers={"Allow": "GET"}), 405, "method_not_allowed", {"allow": "GET"}),
        (HTTPException(418), 418, "http_418", {}),
    ],
)
async def test_every_error_becomes_a_problem(
    error: Exception, status: int, code: str, headers: dict[str, str]
) -> None:
    answer = await answer_to(error)
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"{BASE}/docs#{code}"
    assert problem["instance"] == "/some/path"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert headers.items() <= dict(answer.headers).items()


async def test_an_error_brings_its_own_members() -> None:
    assert (await answer_to(CursorExpired("Gone.", "k3f9.7"))).json()["cursor"] == "k3f9.7"
    errors = [{"pointer": "/a", "message": "no"}]
    assert (await answer_to(InvalidInput("No.", errors))).json()["errors"] == errors


async def test_an_unexpected_error_is_logged_and_its_answer_has_no_details() -> None:
    with structlog.testing.capture_logs() as logs:
        answer = await answer_to(RuntimeError("the secret of the house"))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert [(line["event"], line["path"]) for line in logs] == [("http.failed", "/some/path")]


async def test_a_request_that_a_shutdown_interrupts_is_answered_with_when_to_come_back() -> None:
    requests: list[asyncio.Task[None]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        requests[0].cancel()  # as uvicorn does when its time is over
        await asyncio.Event().wait()

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "POST", "path": "/v1/jobs", "headers": []}
    requests.append(asyncio.create_task(ProblemMiddleware(app, BASE)(scope, receive, send)))  # type: ignore[arg-type]
    await requests[0]
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"2") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["code"] == "shutting_down"


async def test_an_error_after_the_response_has_begun_is_raised_on() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("too late")

    transport = httpx.ASGITransport(ProblemMiddleware(app, BASE))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        with pytest.raises(RuntimeError, match="too late"):
            await client.get("/")


class Inner(BaseModel):
    n: int


class Outer(BaseModel):
    rows: list[Inner]


def failure(value: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        checked(Outer, value)
    return caught.value


async def test_a_validation_error_of_a_plug_in_is_invalid_input() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"rows": [{}]})
    problem = (await answer_to(caught.value)).json()
    assert (problem["status"], problem["detail"]) == (422, "/rows/0/n: field required.")


def test_pydantic_errors_point_into_the_body() -> None:
    error = failure({"rows": [{"n": 1}, {"n": "x"}, {}]})
    assert [each["pointer"] for each in error.extra["errors"]] == ["/rows/1/n", "/rows/2/n"]
    assert error.detail.startswith("/rows/1/n: ")
    assert "(and 1 more)" in error.detail


def test_a_body_that_is_wrong_as_a_whole_has_the_empty_pointer() -> None:
    error = failure([])
    assert error.extra["errors"][0]["pointer"] == ""
    assert error.detail == "The body: a JSON object is expected."


def test_the_list_of_errors_is_bounded() -> None:
    assert len(failure({"rows": [{}] * 500}).extra["errors"]) == 20
