from __future__ import annotations

from typing import Any

import pytest

from api.cli.client.job_text import outcome, titled_outcome, warning


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"pages": 1, "bytes": 999, "url": "u"}, "1 page, 999 B"),
        ({"pages": 2, "bytes": 48_200, "url": "u", "warnings": []}, "2 pages, 48.2 kB"),
        ({"pages": 2, "bytes": 48_200, "url": "u", "warnings": [{}]}, "2 pages, 48.2 kB, 1 warning"),
        ({"bytes": 3_000_000, "url": None, "warnings": [{}, {}]}, "3.0 MB, expired, 2 warnings"),
    ],
)
def test_the_outcome_names_pages_size_and_warnings(result: dict[str, Any], text: str) -> None:
    assert outcome({"status": "succeeded", "result": result, "error": None, "progress": None}) == text


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({"code": "css_ignored", "message": "Ignored."}, ("warning", "Ignored.")),
        (
            {"severity": "error", "code": "image_unreachable", "message": "No.", "url": "http://a/b"},
            ("error", "No. (http://a/b)"),
        ),
        (
            {"severity": "info", "message": "Ignored.", "source": "a.css", "line": 3, "count": 2},
            ("info", "Ignored. (a.css, line 3, 2 times)"),
        ),
        (
            {"severity": "info", "message": "Coarse.", "element": "<img>", "page": 3},
            ("info", "Coarse. (<img>, page 3)"),
        ),
        ({"severity": "error", "message": "<p> is cut.", "element": "<p>"}, ("error", "<p> is cut.")),
    ],
)
def test_a_warning_has_a_severity_and_is_one_line_with_all_that_is_known(
    found: dict[str, Any], line: tuple[str, str]
) -> None:
    assert warning(found) == line


def test_the_title_of_the_document_comes_first() -> None:
    result = {"title": "Invoice 17", "bytes": 9, "url": "u"}
    job = {"status": "succeeded", "result": result, "error": None, "progress": None}
    assert titled_outcome(job) == "Invoice 17: 9 B"
    assert titled_outcome({**job, "result": {"bytes": 9, "url": "u"}}) == "9 B"
    assert titled_outcome({**job, "status": "queued", "result": None}) == ""
