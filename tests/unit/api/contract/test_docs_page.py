from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any, get_args

import pytest
from starlette.exceptions import HTTPException

from api.contract.docs_page import docs_page
from api.contract.member_table import member_table, resolved
from api.http.problems import problem_reply
from jobs.core.errors import by_code
from jobs.core.errors.job import JobError
from jobs.core.errors.request import NotFound, RequestError
from jobs.core.errors.store import StoreError
from jobs.render.protocol.messages import FailureCode
from testsupport.contract import openapi


class OutOfInk(JobError):
    """The printer of a plug-in has no ink."""

    code = "out_of_ink"
    retryable = True


class OutOfCyan(OutOfInk):
    """Has the code of the error above it."""


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    return openapi()


@pytest.fixture(scope="module")
def page(contract: dict[str, Any]) -> str:
    template = resources.files("api").joinpath("pages", "docs.html").read_text("utf-8")
    return docs_page(template, contract)


def section(page: str, anchor: str) -> str:
    return page.partition(f'<section id="{anchor}">')[2].partition("</section>")[0]


def test_every_member_of_every_body_is_in_the_section_of_its_operation(
    page: str, contract: dict[str, Any]
) -> None:
    seen = set()
    for operation in [each for methods in contract["paths"].values() for each in methods.values()]:
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = resolved(content["schema"], contract["components"]["schemas"])
            for name in schema.get("properties", ()):
                seen.add(name)
                assert f"<td><code>{name}</code></td>" in section(page, operation["operationId"]), name
    assert {"scheduled_at", "priority", "sample_data", "max_in_flight", "grace_seconds", "channel"} <= seen


def test_a_member_has_its_type_its_default_and_its_meaning(page: str) -> None:
    job = section(page, "submitJob")
    assert "<td><code>max_attempts</code></td><td>integer from 1 to 20</td><td>3</td><td>How often" in job
    assert (
        "<td><code>kind</code></td><td>pdf.fill, pdf.merge, pdf.preview, pdf.render, pdf.text</td>"
        "<td><b>required</b></td>" in job
    )
    assert "<td><code>scheduled_at</code></td><td>time</td><td></td><td>Not before this time" in job
    assert "<td>integer from 1 to 2592000</td>" in job
    assert "<td><code>jobs[].priority</code></td>" in section(page, "submitBatch")
    assert "<td><code>limit</code></td><td>integer from 1 to 100</td><td>50</td>" in section(page, "listJobs")


def test_the_members_of_an_object_are_listed_once_if_it_may_come_alone_or_in_a_list(page: str) -> None:
    assert page.count("<code>fetch.cookies</code>") == 1
    assert "<code>fetch[].cookies</code>" not in page


def test_the_description_of_a_retry_lists_what_it_does_not_take_over(page: str) -> None:
    assert "does not take over <code>timeout_seconds</code>" in section(page, "retryJob")


def test_every_link_of_the_page_leads_to_a_place_on_it(page: str, contract: dict[str, Any]) -> None:
    links = set(re.findall(r' href="#([^"]+)"', page))
    assert links <= set(re.findall(r' id="([^"]+)"', page))
    operations = [each for methods in contract["paths"].values() for each in methods.values()]
    assert {each["operationId"] for each in operations} <= links
    assert {"pdf.render", "errors", "job-errors"} <= links


def test_markup_in_a_description_is_text_and_backticks_are_code(page: str) -> None:
    assert "`" not in page
    assert "<script" not in page
    schema = {"properties": {"<b>": {"type": "string", "description": "`<i>` & so on"}}}
    assert "<td><code>&lt;b&gt;</code></td>" in member_table(schema, {})
    assert "<td><code>&lt;i&gt;</code> &amp; so on</td>" in member_table(schema, {})


def test_every_problem_type_leads_to_its_own_place_on_the_page(page: str) -> None:
    anchors = re.findall(r' id="([^"]+)"', page)
    assert len(set(anchors)) == len(anchors)
    raised = (HTTPException(404), HTTPException(405), RuntimeError("a fault"), NotFound("Nothing."))
    answers = [problem_reply(error, {"path": "/", "method": "GET"}, "") for error in raised]
    answered = {json.loads(answer.body)["type"].removeprefix("/docs#") for answer in answers}
    assert answered == {"not_found", "method_not_allowed", "internal_error"}
    assert answered <= set(anchors)
    assert set(by_code(RequestError) | by_code(StoreError)) <= set(anchors)


def test_every_error_of_a_job_says_what_it_means_and_whether_it_is_retryable(page: str) -> None:
    listed = dict(re.findall(r'<dt id="job-(\w+)">\1</dt><dd>((?:Not r|R)etryable\. \w.+?)</dd>', page))
    assert set(listed) == set(by_code(JobError))
    assert {*get_args(FailureCode), "worker_lost", "job_expired", "unknown_kind"} <= set(listed)
    assert listed["render_timeout"].startswith("Not retryable. ")
    assert listed["internal_error"] == "Retryable. A fault on our side; details are in the worker&#x27;s log."


def test_no_code_is_without_a_meaning(page: str) -> None:
    assert re.findall(r'<dt id="([^"]+)">[^<]+</dt><dd>(?:\d+|Retryable|Not retryable)\. *</dd>', page) == []


def test_errors_of_plug_ins_are_listed_by_the_codes_they_bring(page: str) -> None:
    assert "Retryable. The printer of a plug-in has no ink." in page
    assert by_code(JobError)["out_of_ink"] is OutOfInk


def test_the_contract_names_the_codes_a_job_can_end_with() -> None:
    error = openapi()["components"]["schemas"]["ErrorDocument"]
    assert {"render_timeout", "worker_lost", "internal_error"} <= set(error["properties"]["code"]["examples"])
    assert "enum" not in error["properties"]["code"]
