from __future__ import annotations

from typing import Any

import pytest

from jobs.core.errors.request import InvalidInput
from jobs.kinds.pdf.text import PDF_TEXT

JOB = {"job_id": "job_1"}


def test_equal_submissions_have_equal_specs() -> None:
    assert PDF_TEXT.canonical(JOB, None) == {"input": JOB, "options": {}}
    options = {"pages": " 3,01-2", "format": "json"}
    assert PDF_TEXT.canonical({"file": "a.pdf"}, options, ["a.pdf"]) == {
        "input": {"file": "a.pdf"},
        "options": {"pages": "3,1-2", "format": "json"},
    }


@pytest.mark.parametrize(
    ("input", "options", "pointer"),
    [
        ({}, {}, "/input"),
        ({**JOB, "file": "a.pdf"}, {}, "/input"),
        ({"file": "a.pdf"}, {}, "/input/file"),
        (JOB, {"pages": "all"}, "/options/pages"),
        (JOB, {"pages": "0"}, "/options/pages"),
        (JOB, {"format": "html"}, "/options/format"),
        (JOB, {"width": 1}, "/options/width"),
    ],
)
def test_invalid_submissions_are_refused_with_their_pointer(input: Any, options: Any, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PDF_TEXT.canonical(input, options)
    assert [error["pointer"] for error in caught.value.errors] == [pointer]
