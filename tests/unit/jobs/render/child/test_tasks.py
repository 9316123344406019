from __future__ import annotations

from typing import Any, cast

import pytest

from jobs.core.errors.job import ResultTooLarge
from jobs.render.child.html.engine import Engine
from jobs.render.child.html.progress_log import Step
from jobs.render.child.tasks import Tasks, split
from jobs.render.protocol.memory import PeakMemory
from jobs.render.protocol.messages import PreviewRequest
from testsupport import pdfs

NO_ENGINE = cast(Engine, None)


def emit(step: Step) -> None: ...


def preview(**options: Any) -> tuple[dict[str, Any], bytes]:
    request = PreviewRequest(pdf=pdfs.pages("x"), options=options, produces=("image/png",))
    return request.header(scratch="", timeout_ms=1000), request.body()


def test_a_result_over_the_limit_is_a_typed_error() -> None:
    with pytest.raises(ResultTooLarge):
        Tasks(NO_ENGINE, max_result_bytes=1000, memory=PeakMemory()).perform(*preview(), emit)


def test_a_task_is_measured() -> None:
    measured = Tasks(NO_ENGINE, max_result_bytes=10**6, memory=PeakMemory()).perform(*preview(width=50), emit)
    assert measured.product.content_type == "image/png"
    assert measured.render_ms >= 0
    assert measured.peak_memory_bytes > 10**6


def test_a_body_is_split_by_sizes() -> None:
    assert split(b"12345", [2, 0, 1]) == [b"12", b"", b"3", b"45"]
    assert split(b"12", []) == [b"12"]
