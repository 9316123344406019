"""`/v1/templates`, and jobs that are submitted with a template."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from api.app import Api
from jobs.core.errors.job import TemplateError
from jobs.templates.template import MAX_CONTENT_BYTES
from tests.integration.api.conftest import PDF, FakeWorker
from tests.integration.api.test_jobs import has_waiters

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "items": {"items": {"type": "integer"}}},
    "required": ["name"],
}
LETTER = {
    "html": "<h1>Dear {{ name }}</h1>",
    "stylesheets": ["h1 { color: teal }"],
    "schema": SCHEMA,
    "sample_data": {"name": "Ada"},
    "description": "A letter",
}
URL = "/v1/templates/letter"


async def put(client: httpx.AsyncClient, url: str = URL, **members: Any) -> dict[str, Any]:
    answer = await client.put(url, json={**LETTER, **members})
    assert answer.status_code in (200, 201), answer.text
    document: dict[str, Any] = answer.json()
    return document


def job(**input: Any) -> dict[str, Any]:
    return {"kind": "pdf.render", "input": {"template": "letter", **input}}


async def spec(worker: FakeWorker) -> Any:
    """The spec of the next job."""
    text = (await worker.start()).spec
    assert text is not None
    return json.loads(text)


def flaws(answer: httpx.Response) -> list[str]:
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), answer.text
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_a_template_is_put_read_and_deleted(client: httpx.AsyncClient) -> None:
    answer = await client.put(URL, json=LETTER)
    first = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{URL}/versions/1"
    assert (first["name"], first["version"], first["description"]) == ("letter", 1, "A letter")
    assert len(first["digest"]) == 64

    again = await client.put(URL, json=LETTER)
    assert (again.status_code, again.json()) == (200, first)
    assert (await client.put(URL, json={"html": "<p>New"})).json()["version"] == 2

    assert (await client.get(f"{URL}/versions/1")).json() == {**first, **LETTER}
    newest = (await client.get(URL)).json()
    assert (newest["version"], newest["html"], newest["stylesheets"]) == (2, "<p>New", [])
    assert (newest["schema"], newest["sample_data"], newest["description"]) == (None, None, "")
    versions = (await client.get(f"{URL}/versions?limit=1")).json()
    assert [each["version"] for each in versions["items"]] == [2]
    rest = (await client.get(f"{URL}/versions?cursor={versions['next_cursor']}")).json()
    assert (rest["items"], rest["next_cursor"]) == ([first], None)
    assert [each["version"] for each in (await client.get("/v1/templates")).json()["items"]] == [2]

    deleted = await client.delete(URL)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for url in (URL, f"{URL}/versions", f"{URL}/versions/1"):
        answer = await client.get(url)
        assert (answer.status_code, answer.json()["code"]) == (404, "template_not_found")
    assert (await client.delete(URL)).status_code == 404
    assert (await put(client))["version"] == 3, "numbers are not given again"


@pytest.mark.parametrize("version", ["0", "01", "x", "-1", "1.0", "99999999999999999999", "٣", "2"])
async def test_a_version_that_does_not_exist_is_not_found(client: httpx.AsyncClient, version: str) -> None:
    await put(client)
    assert (await client.get(f"{URL}/versions/{version}")).status_code == 404


@pytest.mark.parametrize("name", ["Letter", "a..", "-a", "ü", "a" * 65, "a%20b", "a%0a"])
async def test_a_template_name_has_only_allowed_characters(client: httpx.AsyncClient, name: str) -> None:
    url = f"/v1/templates/{name}"
    assert flaws(await client.put(url, json=LETTER)) == ["/name"]
    assert (await client.get(url)).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"html": ""}, ["/html"]),
        ({"html": 1}, ["/html"]),
        ({"html": "<p>\n{{ name"}, ["/html"]),
        ({"html": "{% include 'other' %}"}, ["/html"]),
        ({"html": "{{ name|nothing }}"}, ["/html"]),
        ({"stylesheets": "p {}"}, ["/stylesheets"]),
        ({"stylesheets": [""]}, ["/stylesheets/0"]),
        ({"stylesheets": ["p {}"] * 21}, ["/stylesheets"]),
        ({"schema": []}, ["/schema"]),
        ({"schema": {"type": "strin"}}, ["/schema/type"]),
        ({"schema": {"$ref": "https://example.com/"}}, ["/schema"]),
        ({"schema": {"type": "strin"}, "html": "{{"}, ["/html", "/schema/type"]),
        ({"sample_data": []}, ["/sample_data"]),
        ({"sample_data": {"name": 5, "items": [1, "2"]}}, ["/sample_data/items/1", "/sample_data/name"]),
        ({"sample_data": {}}, ["/sample_data"]),
        ({"description": "x" * 1001}, ["/description"]),
        ({"html": "x" * MAX_CONTENT_BYTES}, [""]),
        ({"name": "letter"}, ["/name"]),
    ],
)
async def test_an_invalid_template_is_refused_with_pointers_and_nothing_is_written(
    client: httpx.AsyncClient, change: dict[str, Any], pointers: list[str]
) -> None:
    assert sorted(flaws(await client.put(URL, json={**LETTER, **change}))) == pointers
    assert (await client.get(URL)).status_code == 404


async def test_a_syntax_error_is_reported_with_its_line(client: httpx.AsyncClient) -> None:
    answer = await client.put(URL, json={"html": "<p>\n\n{{ name }"})
    assert answer.json()["errors"] == [{"pointer": "/html", "message": "line 3: unexpected '}'"}]
    assert answer.json()["detail"] == "/html: line 3: unexpected '}'."


async def test_a_job_pins_the_version_and_the_source(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    await put(client)
    data = {"name": "Grace", "items": [1], "nothing": None}
    assert (await client.post("/v1/jobs", json=job(data=data))).status_code == 202
    await put(client, html="<p>Newer {{ name }}")
    assert (await client.post("/v1/jobs", json=job(data=data, version=1))).status_code == 202
    assert (await client.post("/v1/jobs", json=job(data=data))).status_code == 202
    await client.delete(URL)

    first, second, third = [await spec(worker) for _ in range(3)]
    assert first["input"] == {
        "template": "letter",
        "version": 1,
        "data": data,
        "source": {"html": LETTER["html"], "stylesheets": LETTER["stylesheets"]},
    }
    assert second == first
    assert (third["input"]["version"], third["input"]["source"]["html"]) == (2, "<p>Newer {{ name }}")


async def test_data_is_checked_against_the_schema_of_the_version(client: httpx.AsyncClient) -> None:
    await put(client)
    await put(client, schema=None, sample_data=None)
    bad = {"items": [1, "x"]}
    answer = await client.post("/v1/jobs", json=job(version=1, data=bad))
    assert sorted(flaws(answer)) == ["/input/data", "/input/data/items/1"]
    assert "letter (version 1)" in answer.json()["detail"]
    assert flaws(await client.post("/v1/jobs", json=job(version=1))) == ["/input/data"]
    assert (await client.post("/v1/jobs", json=job(data=bad))).status_code == 202
    batch = {"jobs": [job(), job(version=1, data=bad), job(version=1, data={"name": 1})]}
    assert sorted(flaws(await client.post("/v1/batches", json=batch))) == [
        "/jobs/1/input/data",
        "/jobs/1/input/data/items/1",
        "/jobs/2/input/data/name",
    ]


async def test_a_job_with_an_unknown_template_or_version_is_refused(client: httpx.AsyncClient) -> None:
    await put(client)
    for input, pointer in (
        ({"template": "none"}, "/input/template"),
        ({"template": "letter", "version": 2}, "/input/version"),
    ):
        answer = await client.post("/v1/jobs", json={"kind": "pdf.render", "input": input})
        assert (answer.status_code, answer.json()["code"]) == (404, "template_not_found")
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_repeated_request_is_recognised_even_if_there_is_a_newer_version(
    client: httpx.AsyncClient, worker: FakeWorker
) -> None:
    await put(client)
    headers = {"idempotency-key": "k"}
    wanted = job(data={"name": "Ada"})
    first = await client.post("/v1/jobs", json=wanted, headers=headers)
    await put(client, html="<p>Newer")
    again = await client.post("/v1/jobs", json=wanted, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    other = await client.post("/v1/jobs", json=job(data={"name": "Bob"}), headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"
    assert (await spec(worker))["input"]["version"] == 1


async def test_a_retry_renders_the_pinned_version(client: httpx.AsyncClient, worker: FakeWorker) -> None:
    await put(client)
    job_id = (await client.post("/v1/jobs", json=job(data={"name": "Ada"}))).json()["id"]
    claim = await worker.start()
    await worker.fail(TemplateError("Template letter (version 1): line 1: it does not work."), claim)
    failed = (await client.get(f"/v1/jobs/{job_id}")).json()
    assert failed["error"]["code"] == "template_error"
    assert not failed["error"]["retryable"]
    await client.delete(URL)
    assert (await client.post(f"/v1/jobs/{job_id}/retry")).status_code == 202
    assert await spec(worker) == json.loads(claim.spec or b"")


async def test_a_preview_is_an_ordinary_job_with_the_sample_data(
    client: httpx.AsyncClient, app: Api, worker: FakeWorker
) -> None:
    await put(client)
    await put(client, html="<p>{{ name }}", sample_data=None)
    url = f"{URL}/preview"
    assert (await client.post(url, json={"version": 1, "options": {"zoom": 2}})).status_code == 202
    first = await spec(worker)
    assert first["options"] == {"zoom": 2}
    assert (first["input"]["version"], first["input"]["data"]) == (1, {"name": "Ada"})
    assert (await client.post(url, json={"data": {"name": "Bob"}})).status_code == 202
    assert (await spec(worker))["input"]["data"] == {"name": "Bob"}

    assert flaws(await client.post(url, json={})) == ["/input/data"], "there is no sample data"
    assert flaws(await client.post(url, json={"options": {"nonsense": 1}, "version": 1})) == [
        "/options/nonsense"
    ]
    assert (await client.post(url, json={"version": 3})).status_code == 404

    waiting = asyncio.create_task(client.post(url, json={"version": 1}, headers={"prefer": "wait=20"}))
    await has_waiters(app)
    await worker.succeed()
    answer = await waiting
    assert (answer.status_code, answer.content) == (200, PDF)
    assert answer.headers["content-type"] == "application/pdf"


async def test_a_schema_that_takes_too_long_to_check_refuses_only_its_own_job(
    client: httpx.AsyncClient,
) -> None:
    levels = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}
    await put(client, schema={"$defs": {**levels, "d60": {}}, "$ref": "#/$defs/d0"}, sample_data=None)
    slow = asyncio.create_task(client.post("/v1/jobs", json=job(data={"name": "Ada"})))
    assert (await client.get("/healthz")).status_code == 200
    answer = await slow
    assert flaws(answer) == ["/input/data"]
    assert "takes too long" in answer.json()["errors"][0]["message"]
