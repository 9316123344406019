from __future__ import annotations

from typing import Any

import pytest

from jobs.core.errors.request import InvalidInput
from jobs.kinds.pdf.preview import PDF_PREVIEW

JOB = {"job_id": "job_1"}


def test_equal_submissions_have_equal_specs() -> None:
    assert PDF_PREVIEW.canonical(JOB, None) == {"input": JOB, "options": {}}
    options = {"pages": [3, 1], "format": "webp", "dpi": 72}
    assert PDF_PREVIEW.canonical({"file": "a.pdf"}, options, ["a.pdf"]) == {
        "input": {"file": "a.pdf"},
        "options": {"pages": "3,1", "format": "webp", "dpi": 72},
    }


@pytest.mark.parametrize(
    ("input", "options", "pointer"),
    [
        ({}, {}, "/input"),
        ({"parts": []}, {}, "/input/parts"),
        ({"file": "a.pdf"}, {}, "/input/file"),
        (JOB, {"pages": []}, "/options/pages"),
        (JOB, {"pages": [True]}, "/options/pages"),
        (JOB, {"pages": [0]}, "/options/pages"),
        (JOB, {"pages": "all"}, "/options/pages"),
        (JOB, {"pages": "1-101"}, "/options/pages"),
        (JOB, {"pages": 1}, "/options/pages"),
        (JOB, {"format": "gif"}, "/options/format"),
        (JOB, {"width": 0}, "/options/width"),
        (JOB, {"width": 4097}, "/options/width"),
        (JOB, {"dpi": 601}, "/options/dpi"),
        (JOB, {"dpi": 72, "width": 100}, "/options"),
    ],
)
def test_invalid_submissions_are_refused_with_their_pointer(input: Any, options: Any, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PDF_PREVIEW.canonical(input, options)
    assert {error["pointer"] for error in caught.value.errors} >= {pointer}


def test_an_unused_file_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"'a\.pdf' is not used"):
        PDF_PREVIEW.canonical(JOB, {}, ["a.pdf"])
