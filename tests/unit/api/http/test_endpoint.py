from __future__ import annotations

from typing import Annotated

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.access.auth import Authenticator, Caller
from api.http.body import BodyBounds, RequestModel
from api.http.endpoint import operations_of, resources
from api.http.operation import Answer, operation
from api.http.problems import ProblemMiddleware
from api.http.query import QueryModel
from jobs.core.errors.request import InvalidInput, JobNotFound, WebhookEndpointNotFound
from jobs.core.settings import ApiKey, Settings
from jobs.core.tokens import Tokens

KEY = "acme-key-0123456789"
ANSWERS = {200: Answer("Done.")}


def shelf_of(request: Request) -> str:
    if not request.path_params["shelf"].isdigit():
        raise JobNotFound(request.path_params["shelf"])
    return str(request.path_params["shelf"])


def colour_of(request: Request) -> str:
    if request.headers.get("colour") == "none":
        raise InvalidInput("There is no such colour.")
    return request.headers.get("colour", "")


class Depth(QueryModel):
    depth: int = 1


class Book(RequestModel):
    title: str


class ShelfRoutes:
    async def _find(self, request: Request, caller: Caller) -> str:
        if request.path_params["shelf"] == "404":
            raise WebhookEndpointNotFound("404")
        return f"{caller.tenant}'s shelf"

    @operation("PUT /shelves/{shelf}", ANSWERS, find=_find)
    async def put_book(
        self,
        caller: Caller,
        shelf: Annotated[str, shelf_of],
        query: Depth,
        colour: Annotated[str, colour_of],
        found: str,
        body: Book,
    ) -> Response:
        """Put a book on a shelf.

        It takes the place of
        the book that was there.
        """
        return PlainTextResponse(f"{caller.tenant} {shelf} {query.depth} {colour} {found} {body.title}")

    @operation("GET /shelves/{shelf}", ANSWERS)
    async def get_shelf(self) -> Response:
        """Get a shelf."""
        return PlainTextResponse("here")

    @operation("GET /open", ANSWERS, guard="open", ignores_query=True)
    async def open(self, request: Request) -> Response:
        """Whether the library is open."""
        return PlainTextResponse(request.method)


def authenticator() -> Authenticator:
    async def no_batch(tenant: str, job_id: str) -> None:
        return None

    return Authenticator(Settings(api_keys=(ApiKey("acme", KEY),)), Tokens(["s" * 32]), no_batch, lambda: 0)


@pytest.fixture
def app() -> Starlette:
    return Starlette(routes=resources(ShelfRoutes(), authenticator(), BodyBounds(100)))


@pytest.fixture
def client(app: Starlette) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(ProblemMiddleware(app.router, ""))
    return httpx.AsyncClient(transport=transport, base_url="http://shelves")


async def test_a_handler_gets_checked_values_of_every_part_of_the_request(client: httpx.AsyncClient) -> None:
    headers = {"authorization": f"Bearer {KEY}", "colour": "red"}
    answer = await client.put("/shelves/7?depth=2", headers=headers, json={"title": "Emma"})
    assert answer.text == "acme 7 2 red acme's shelf Emma"


async def test_checks_run_in_the_order_guard_path_query_headers_lookup_body(
    client: httpx.AsyncClient,
) -> None:
    """Everything is wrong at first. With each fault that is mended, the next one is answered."""
    path, query, colour, body, content_type = "/shelves/none", "?deep=1", "none", b"{}" * 60, "text/plain"
    authorization = "Bearer wrong-key-0123456789"

    async def code() -> str:
        headers = {"authorization": authorization, "colour": colour, "content-type": content_type}
        answer = await client.put(f"{path}{query}", headers=headers, content=body)
        problem = answer.json()
        return f"{problem['code']} {problem.get('errors', [{'pointer': ''}])[0]['pointer']}".strip()

    assert await code() == "unauthenticated"
    authorization = f"Bearer {KEY}"
    assert await code() == "job_not_found"
    path = "/shelves/404"
    assert await code() == "invalid_input /deep"
    query = ""
    assert await code() == "invalid_input"
    colour = "red"
    assert await code() == "webhook_endpoint_not_found"
    path = "/shelves/7"
    assert await code() == "unsupported_media_type"
    content_type = "application/json"
    assert await code() == "body_too_large"
    body = b"{"
    assert await code() == "malformed_body"
    body = b"{}"
    assert await code() == "invalid_input /title"


async def test_a_handler_without_a_query_accepts_no_parameters(client: httpx.AsyncClient) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    assert (await client.get("/shelves/7", headers=headers)).text == "here"
    answer = await client.get("/shelves/7?depth=1", headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/depth")


async def test_an_open_operation_needs_no_credentials_and_may_ignore_its_query(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/open?cache=off")).text == "GET"


async def test_head_is_answered_as_get_without_the_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/open")
    assert (answer.status_code, answer.text, answer.headers["content-length"]) == (200, "", "4")


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "PATCH"])
async def test_a_method_that_is_not_declared_is_refused_before_anything_is_checked(
    client: httpx.AsyncClient, method: str
) -> None:
    answer = await client.request(method, "/shelves/none")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PUT"}


def test_name_and_docstring_of_a_handler_are_published(app: Starlette) -> None:
    described = {each.id: (each.summary, each.description) for each in operations_of(app.routes)}
    assert described == {
        "putBook": ("Put a book on a shelf", "It takes the place of the book that was there."),
        "getShelf": ("Get a shelf", ""),
        "open": ("Whether the library is open", ""),
    }


def test_an_operation_that_is_declared_twice_is_refused_at_start() -> None:
    class TwiceRoutes:
        @operation("GET /open", ANSWERS, guard="open")
        async def one(self) -> Response: ...

        @operation("GET /open", ANSWERS, guard="open")
        async def two(self) -> Response: ...

    with pytest.raises(ValueError, match="GET /open is declared twice"):
        resources(TwiceRoutes(), authenticator(), 100)


def test_an_operation_that_changes_something_admits_no_tokens() -> None:
    with pytest.raises(ValueError, match="tokens may only read"):
        operation("POST /jobs/{job_id}/cancel", ANSWERS, guard="job")
