"""Every request, good or bad, gets an answer that the contract describes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from testsupport.contract import openapi
from testsupport.own_font import own_font
from testsupport.ports import free_port
from testsupport.project import ROOT
from testsupport.valkey import FaultyValkey
from testsupport.waiting import DEADLINE_S

KEY = "acme-key-0123456789"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
CONTRACT = openapi()
schema = schemathesis.openapi.from_dict(CONTRACT)

MORE_THAN_A_SHAPE = {
    "POST /v1/jobs",
    "POST /v1/jobs/{job_id}/retry",
    "POST /v1/batches",
    "POST /v1/pdf",
    "GET /v1/jobs",
    "GET /v1/events",
    "POST /v1/webhook-endpoints",
    "PATCH /v1/webhook-endpoints/{endpoint_id}",
    "GET /v1/webhook-endpoints",
    "GET /v1/webhook-endpoints/{endpoint_id}/deliveries",
    "POST /v1/webhook-endpoints/{endpoint_id}/recover",
    "GET /v1/webhook-deliveries",
    "GET /v1/templates",
    "PUT /v1/templates/{name}",
    "GET /v1/templates/{name}/versions",
    "POST /v1/templates/{name}/preview",
    "GET /v1/fonts",
    "PUT /v1/fonts/{name}",
}
"""Operations whose rules no schema can express: documents and options by kind, Jinja2, fonts,
allowed addresses, and keys and cursors that belong to earlier answers."""

NEEDS_A_NOTIFIER = "POST /v1/webhook-endpoints/{endpoint_id}/test"


@dataclass(frozen=True)
class Site:
    url: str
    ids: dict[str, str]
    """Ids of things that exist, by path parameter."""


@pytest.fixture(scope="module")
def site(valkey: FaultyValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The web process without a worker, so that accepted jobs stay queued."""
    directory, port = tmp_path_factory.mktemp("web"), free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "REDIS_URL": valkey.url,
        "PORT": str(port),
        "PRESSRUN_HOST": "127.0.0.1",
        "PRESSRUN_DATA_DIR": str(directory),
        "PRESSRUN_API_KEYS": f"acme:{KEY}",
        "PRESSRUN_SECRET_KEY": "s" * 32,
        "PRESSRUN_MAX_QUEUED": "100000",
        "PRESSRUN_LOG_LEVEL": "warning",
    }
    process = subprocess.Popen([sys.executable, "-m", "api"], env=environ, cwd=directory)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/readyz")
        job = {"kind": "pdf.render", "input": {"html": "<p>Hello"}}
        made = {
            "job_id": _post(f"{url}/v1/jobs", job),
            "batch_id": _post(f"{url}/v1/batches", {"jobs": [job]}),
            "endpoint_id": _post(f"{url}/v1/webhook-endpoints", {"url": "https://8.8.8.8/hook"}),
            "name": "letter",
            "version": "1",
        }
        _send("PUT", f"{url}/v1/templates/letter", {"html": "<p>Dear {{ name }}"})
        _send("PUT", f"{url}/v1/fonts/letter", own_font(500))
        yield Site(url, made)
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def _post(url: str, body: Any) -> str:
    """Returns the id of what was made."""
    return str(_send("POST", url, body)["id"])


def _send(method: str, url: str, body: Any) -> Any:
    is_file = isinstance(body, bytes)
    headers = {**AUTHORIZED, "Content-Type": "font/ttf" if is_file else "application/json"}
    content = body if is_file else json.dumps(body).encode()
    request = urllib.request.Request(url, content, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            with urllib.request.urlopen(url) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, "the web process does not come up"
        time.sleep(0.05)


def is_text_again(case: schemathesis.Case) -> bool:
    """Returns whether only the type of a text body is wrong: as text, `true` is a document."""
    if case.meta is None or not (case.media_type or "").startswith("text/"):
        return False
    wrong = {location for location, part in case.meta.components.items() if part.mode.is_negative}
    return wrong == {ParameterLocation.BODY} and not isinstance(case.body, str)


@schema.parametrize()
@settings(max_examples=8, suppress_health_check=list(HealthCheck), database=None)
def test_answers_are_as_the_contract_says(case: schemathesis.Case, site: Site) -> None:
    if case.query and "wait" in case.query:
        case.query["wait"] = 0  # time is not what this is about
    if (
        case.operation.label != NEEDS_A_NOTIFIER
        and case.meta is not None
        and case.meta.generation.mode.is_positive
    ):
        for name in set(case.path_parameters) & set(site.ids):
            case.path_parameters[name] = site.ids[name]
    excluded: list[Any] = [positive_data_acceptance] if case.operation.label in MORE_THAN_A_SHAPE else []
    if is_text_again(case):
        excluded.append(negative_data_rejection)
    case.call_and_validate(
        base_url=site.url, headers=AUTHORIZED, timeout=DEADLINE_S, excluded_checks=excluded
    )
