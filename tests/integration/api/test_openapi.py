from __future__ import annotations

from typing import Any

import httpx
from jsonschema import Draft202012Validator
from starlette.routing import Route

from api.app import Api
from api.contract.openapi import openapi_document
from api.http.endpoint import operations_of
from jobs.core.errors.job import RenderFailed
from jobs.core.errors.request import (
    HeadersTooLarge,
    MalformedRequest,
    RequestTimeout,
    ServerBusy,
    TooManyFromAddress,
    UriTooLong,
)
from jobs.core.settings import Settings
from jobs.kinds import Runner
from jobs.kinds.pdf.options import PdfOptions
from jobs.kinds.pdf.render import PDF_RENDER
from tests.integration.api.conftest import FakeWorker
from tests.integration.api.test_jobs import submit

NOT_PART_OF_THE_CONTRACT = {"/", "/docs", "/openapi.json", "/asyncapi.json"}
FILES = ("/console/", "/client/")


def test_every_route_is_described_and_every_described_operation_is_served(app: Api) -> None:
    contract = openapi_document(operations_of(app.routes), Settings(), "test", {})
    served = {
        (method.lower(), route.path)
        for route in app.routes
        if isinstance(route, Route) and route.path not in NOT_PART_OF_THE_CONTRACT
        if not route.path.startswith(FILES)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert {(method, path) for path, methods in contract["paths"].items() for method in methods} == served
    ids = [operation.id for operation in operations_of(app.routes)]
    assert len(set(ids)) == len(ids) == len(served)


def test_tokens_only_read_every_change_needs_a_key(app: Api) -> None:
    for operation in operations_of(app.routes):
        assert operation.method == "GET" or operation.guard == "key", operation.id


async def test_jobs_look_as_the_contract_says(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    accepted = await submit(client, metadata={"a": 1}, tags=["x"])
    assert set(accepted) == set(schemas["AcceptedJob"]["required"])
    await worker.succeed()
    await submit(client)
    await worker.fail(RenderFailed("Broken."))
    failed, succeeded = (await client.get("/v1/jobs")).json()["items"]
    for job in (failed, succeeded):
        assert set(job) == set(schemas["JobDocument"]["required"])
    assert set(succeeded["result"]) >= set(schemas["ResultDocument"]["required"])
    assert set(succeeded["progress"]) == set(schemas["ProgressDocument"]["required"])
    assert set(failed["error"]) == set(schemas["ErrorDocument"]["required"])
    event = (await client.get("/v1/events?limit=1")).json()["items"][0]
    assert set(event) == set(schemas["EventDocument"]["required"])


async def test_the_contract_knows_the_limits_in_force(client: httpx.AsyncClient) -> None:
    request = (await client.get("/openapi.json")).json()["components"]["schemas"]["JobRequest"]["properties"]
    assert request["kind"]["enum"] == ["pdf.fill", "pdf.merge", "pdf.preview", "pdf.render", "pdf.text"]
    assert request["timeout_seconds"]["anyOf"][0]["maximum"] == 60


async def test_the_contract_lists_the_errors_of_bodies_and_streams(
    client: httpx.AsyncClient,
) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    for methods in paths.values():
        for operation in methods.values():
            answer = operation["responses"].get("408", {"description": None})["description"]
            assert answer == ("body_timeout" if "requestBody" in operation else None), operation[
                "operationId"
            ]
    assert paths["/v1/events"]["get"]["responses"]["429"]["description"] == "too_many_connections"


async def test_the_contract_lists_the_refusals_of_connections(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()["info"]["description"]
    refusals = (
        MalformedRequest,
        RequestTimeout,
        UriTooLong,
        TooManyFromAddress,
        HeadersTooLarge,
        ServerBusy,
    )
    for refusal in refusals:
        assert f"{refusal.status} {refusal.code}" in " ".join(described.split())


async def test_the_contract_and_the_page_know_every_option_of_every_kind(client: httpx.AsyncClient) -> None:
    contract = (await client.get("/openapi.json")).json()["components"]["schemas"]
    published = {each["title"]: each["properties"] for each in contract["JobRequest"]["oneOf"]}
    page = (await client.get("/docs")).text
    assert set(published) == {"pdf.fill", "pdf.merge", "pdf.preview", "pdf.render", "pdf.text"}
    for kind, members in published.items():
        assert members["kind"] == {"const": kind}
        for member in ("input", "options"):
            described = contract[members[member]["$ref"].rpartition("/")[2]]
            assert described["properties"]
            assert [
                name for name in described["properties"] if f"<td><code>{name}</code></td>" not in page
            ] == []
    options = contract[published["pdf.render"]["options"]["$ref"].rpartition("/")[2]]
    assert set(options["properties"]) == set(PdfOptions.model_fields)
    assert "<td><code>attachments[].relationship</code></td>" in page
    assert "<td>number from 0.1 to 10</td>" in page


def test_a_kind_without_schemas_takes_any_objects(app: Api) -> None:
    class Plain:
        name = "acme.plain"

        def canonical(self, input: Any, options: Any) -> dict[str, Any]:
            return {"input": input, "options": options}

        def runner(self, pool: object) -> Runner:
            raise NotImplementedError

    kinds = {"acme.plain": Plain(), "pdf.render": PDF_RENDER}
    contract = openapi_document(operations_of(app.routes), Settings(), "test", kinds)
    alternatives = contract["components"]["schemas"]["JobRequest"]["oneOf"]
    assert alternatives[0] == {"title": "acme.plain", "properties": {"kind": {"const": "acme.plain"}}}
    validator = Draft202012Validator(
        {"$ref": "#/components/schemas/JobRequest", "components": contract["components"]}
    )
    for job, is_valid in (
        ({"kind": "acme.plain", "input": {"whatever": 1}, "options": {"zoom": "large"}}, True),
        ({"kind": "pdf.render", "input": {"html": "x"}, "options": {"zoom": 2, "margins": "1cm"}}, True),
        ({"kind": "pdf.render", "input": {"html": "x"}, "options": {"zoom": "large"}}, False),
        ({"kind": "pdf.render", "input": {"whatever": 1}}, False),
        ({"kind": "acme.unknown", "input": {}}, False),
    ):
        assert validator.is_valid(job) == is_valid, job
