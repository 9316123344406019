from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from jobs.core.errors.request import InvalidInput
from jobs.kinds.pdf.merge import PDF_MERGE

JOB = {"job_id": "job_1"}
PARTS = {"parts": [JOB]}


def pointers(input: Any, options: Any = None, files: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        PDF_MERGE.canonical(input, options, files)
    return [error["pointer"] for error in caught.value.errors]


def test_equal_submissions_have_equal_specs() -> None:
    parts = [{"job_id": "job_1", "pages": " 1-3, 05,8-"}, {"file": "a/b.pdf", "title": "B"}, JOB]
    options = {"filename": "all", "bookmarks": False, "encrypt": {"permissions": {"copy": False}}}
    assert PDF_MERGE.canonical({"parts": parts}, options, ["a/b.pdf"]) == {
        "input": {
            "parts": [{"job_id": "job_1", "pages": "1-3,5,8-"}, {"file": "a/b.pdf", "title": "B"}, JOB]
        },
        "options": {**options, "filename": "all.pdf"},
    }


@pytest.mark.parametrize(
    ("input", "pointer"),
    [
        ({}, "/input/parts"),
        ({"parts": []}, "/input/parts"),
        ({"parts": [JOB] * 101}, "/input/parts"),
        ({"parts": [{}]}, "/input/parts/0"),
        ({"parts": [JOB, {**JOB, "file": "a"}]}, "/input/parts/1"),
        ({"parts": ["job_1"]}, "/input/parts/0"),
        ({"parts": [{**JOB, "pages": "3-1"}]}, "/input/parts/0/pages"),
        ({"parts": [{**JOB, "pages": [1]}]}, "/input/parts/0/pages"),
        ({"parts": [{**JOB, "page": "1"}]}, "/input/parts/0/page"),
        ({"parts": [JOB, {"file": "a.pdf"}]}, "/input/parts/1/file"),
        ({**PARTS, "html": "x"}, "/input/html"),
    ],
)
def test_invalid_input_is_refused_with_its_pointer(input: Any, pointer: str) -> None:
    assert pointers(input) == [pointer]


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"page_size": "A4"}, "/options/page_size"),
        ({"filename": "../x.pdf"}, "/options/filename"),
        ({"encrypt": {}}, "/options/encrypt"),
        ({"bookmarks": "yes"}, "/options/bookmarks"),
    ],
)
def test_options_of_other_kinds_and_invalid_ones_are_refused_with_their_pointer(
    options: Any, pointer: str
) -> None:
    assert pointers(PARTS, options) == [pointer]


def test_an_unused_file_is_refused() -> None:
    assert pointers(PARTS, {}, ("a.pdf",)) == ["/input"]


def test_submitting_loads_no_pdf_library() -> None:
    code = (
        "import jobs.kinds.registry, sys; print(sorted({'pikepdf', 'pypdfium2', 'PIL'} & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert loaded.stdout.strip() == "[]"
