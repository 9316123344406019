from __future__ import annotations

from typing import Any

import pytest

from jobs.core.errors.request import InvalidInput
from jobs.kinds.pdf.fill import PDF_FILL

FIELDS = {"name": "Ada", "agree": True, "days": ["Monday"], "old": None}
JOB = {"job_id": "job_1", "fields": FIELDS}


def test_equal_submissions_have_equal_specs() -> None:
    assert PDF_FILL.canonical(JOB, None) == {"input": JOB, "options": {}}
    upload = {"file": "a.pdf", "fields": {}}
    assert PDF_FILL.canonical(upload, {"flatten": True, "filename": "b"}, ["a.pdf"]) == {
        "input": upload,
        "options": {"flatten": True, "filename": "b.pdf"},
    }


@pytest.mark.parametrize(
    ("input", "options", "pointer"),
    [
        ({"fields": FIELDS}, {}, "/input"),
        ({"job_id": "job_1"}, {}, "/input/fields"),
        ({"job_id": "job_1", "fields": {}}, {"flatten": False}, "/input/fields"),
        ({**JOB, "fields": ["name"]}, {}, "/input/fields"),
        ({**JOB, "fields": {"a": 1}}, {}, "/input/fields/a"),
        ({**JOB, "fields": {"a": {"b": "c"}}}, {}, "/input/fields/a"),
        ({**JOB, "fields": {"a": ["b", 1]}}, {}, "/input/fields/a"),
        ({**JOB, "fields": {"a": "x" * 20_001}}, {}, "/input/fields/a"),
        ({**JOB, "fields": {"a": ["x"] * 1001}}, {}, "/input/fields/a"),
        ({**JOB, "fields": {str(at): "x" for at in range(10_001)}}, {}, "/input/fields"),
        ({"file": "a.pdf", "fields": FIELDS}, {}, "/input/file"),
        (JOB, {"flatten": "yes"}, "/options/flatten"),
        (JOB, {"filename": "../a"}, "/options/filename"),
        (JOB, {"page_size": "A4"}, "/options/page_size"),
    ],
)
def test_invalid_submissions_are_refused_with_their_pointer(input: Any, options: Any, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PDF_FILL.canonical(input, options)
    assert [error["pointer"] for error in caught.value.errors] == [pointer]
