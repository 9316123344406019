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


def test_a_part_that_is_turned_has_its_source_where_releases_before_that_do_not_find_it() -> None:
    spec = PDF_MERGE.canonical({"parts": [{**JOB, "pages": "1", "rotate": 90}]}, None)
    assert spec["input"] == {"parts": [{"source": JOB, "pages": "1", "rotate": 90}]}


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
        ({"parts": [{**JOB, "rotate": 45}]}, "/input/parts/0/rotate"),
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
        ({"stamps": []}, "/options/stamps"),
        ({"stamps": [{"text": "x"}] * 21}, "/options/stamps"),
        ({"stamps": [{}]}, "/options/stamps/0/text"),
        ({"stamps": [{"text": "a\tb"}]}, "/options/stamps/0/text"),
        ({"stamps": [{"text": "x", "position": "left"}]}, "/options/stamps/0/position"),
        ({"stamps": [{"text": "x", "margin": "a lot"}]}, "/options/stamps/0/margin"),
        ({"stamps": [{"text": "x", "color": "red"}]}, "/options/stamps/0/color"),
        ({"stamps": [{"text": "x", "font_size": 101}]}, "/options/stamps/0/font_size"),
        ({"stamps": [{"text": "x", "pages": "0"}]}, "/options/stamps/0/pages"),
        ({"imposition": {}}, "/options/imposition"),
        ({"imposition": {"n_up": 2, "booklet": True}}, "/options/imposition"),
        ({"imposition": {"n_up": 5}}, "/options/imposition/n_up"),
        ({"imposition": {"booklet": False}}, "/options/imposition/booklet"),
        ({"imposition": {"n_up": 2, "sheet_size": "A99"}}, "/options/imposition/sheet_size"),
        ({"imposition": {"n_up": 2, "gap": "-1mm"}}, "/options/imposition/gap"),
        ({"split": {}}, "/options/split"),
        ({"split": {"every": 1, "bookmarks": True}}, "/options/split"),
        ({"split": {"every": 0}}, "/options/split/every"),
        ({"split": {"ranges": []}}, "/options/split/ranges"),
        ({"split": {"ranges": ["x"]}}, "/options/split/ranges/0"),
        ({"split": {"every": 1}, "imposition": {"n_up": 2}}, "/options/split"),
        ({"split": {"bookmarks": True}, "bookmarks": False}, "/options/split/bookmarks"),
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
