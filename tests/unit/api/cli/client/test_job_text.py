from __future__ import annotations

from typing import Any

import pytest

from api.cli.client.job_text import outcome


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
