from __future__ import annotations

import json
import re
from importlib import resources
from typing import get_args

import pytest
from starlette.exceptions import HTTPException

from api.docs_page import docs_page
from api.openapi import openapi_document
from api.problems import problem_reply
from jobs.errors import JobError, NotFound, RequestError, StoreError, by_code
from jobs.kinds.registry import load_kinds
from jobs.render.messages import FailureCode
from jobs.settings import Settings


class OutOfInk(JobError):
    """The printer of a plug-in has no ink."""

    code = "out_of_ink"
    retryable = True


class OutOfCyan(OutOfInk):
    """Has the code of the error above it."""


@pytest.fixture(scope="module")
def page() -> str:
    template = resources.files("api").joinpath("pages", "docs.html").read_text("utf-8")
    return docs_page(template, openapi_document(Settings(), "test", load_kinds(Settings())))


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
    listed = dict(re.findall(r'<dt id="job-(\w+)">\1</dt><dd>((?:Not r|R)etryable\. \w[^<]+)</dd>', page))
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
    error = openapi_document(Settings(), "test", {})["components"]["schemas"]["ErrorDocument"]
    assert {"render_timeout", "worker_lost", "internal_error"} <= set(error["properties"]["code"]["examples"])
    assert "enum" not in error["properties"]["code"]
