from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from api.contract.requests.batches import BatchRequest
from api.contract.requests.jobs import JobRequest
from api.contract.requests.templates import TemplateRequest
from jobs.core.errors.request import InvalidInput
from jobs.core.validation_errors import field_errors
from jobs.kinds.pdf.options import PdfOptions
from jobs.kinds.pdf.render import PDF_RENDER

JOB = {"kind": "pdf.render", "input": {}}


def found(model: type[BaseModel], value: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return {each["pointer"]: each["message"] for each in field_errors(caught.value, model)}


@pytest.mark.parametrize(
    ("model", "value", "pointer", "name"),
    [
        (JobRequest, {**JOB, "webhookUrl": "x"}, "/webhookUrl", "webhook_url"),
        (BatchRequest, {"jobs": [{**JOB, "prioirty": "low"}]}, "/jobs/0/prioirty", "priority"),
        (TemplateRequest, {"html": "x", "scheme": {}}, "/scheme", "schema"),
        (PdfOptions, {"pagesize": "A4"}, "/pagesize", "page_size"),
        (PdfOptions, {"metadata": {"titel": "x"}}, "/metadata/titel", "title"),
        (PdfOptions, {"attachments": [{"filename": "x"}]}, "/attachments/0/filename", "name"),
    ],
)
def test_an_unknown_name_is_refused_with_a_similar_one_as_a_suggestion(
    model: type[BaseModel], value: Any, pointer: str, name: str
) -> None:
    assert found(model, value)[pointer] == f"there is no such member (did you mean `{name}`?)"


def test_an_unknown_name_without_a_similar_one_is_refused_without_a_suggestion() -> None:
    assert found(PdfOptions, {"nonsense": 1, "x" * 100: 1}) == {
        "/nonsense": "there is no such member",
        "/" + "x" * 100: "there is no such member",
    }


@pytest.mark.parametrize("value", [[1], "x", None, 1])
def test_a_value_that_is_not_an_object_is_refused_without_python_terms(value: Any) -> None:
    assert found(JobRequest, value) == {"": "a JSON object is expected"}
    assert found(JobRequest, {**JOB, "metadata": value}) == {"/metadata": "a JSON object is expected"}
    assert found(PdfOptions, {"metadata": value or 1}) == {"/metadata": "a JSON object is expected"}


def test_the_error_of_a_kind_starts_with_the_first_flaw() -> None:
    with pytest.raises(InvalidInput) as caught:
        PDF_RENDER.canonical({"html": "x"}, {"pagesize": "A4", "zoom": "big"})
    assert caught.value.detail.startswith("/options/")
    assert caught.value.detail.endswith(" (and 1 more).")
    assert len(caught.value.errors) == 2


def test_at_most_five_names_are_suggested() -> None:
    messages = list(found(PdfOptions, {f"page_size{number}": 1 for number in range(1000)}).values())
    assert len([each for each in messages if "did you mean" in each]) == 5
