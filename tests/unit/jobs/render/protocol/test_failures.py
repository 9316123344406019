from typing import get_args

import pytest

from jobs.core.errors.job import RendererCrashed, RenderOutOfMemory
from jobs.render.protocol import failures
from jobs.render.protocol.limits import MIB
from jobs.render.protocol.messages import FailureCode


@pytest.mark.parametrize("code", get_args(FailureCode))
def test_every_code_that_a_child_may_report_becomes_its_error(code: str) -> None:
    error = failures.reported_by_child(code, "why")
    assert (error.code, error.message) == (code, "why")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((status, "document_refused") for status in (302, 304, 400, 401, 403, 404, 410, 418, 451)),
        *((status, "document_unreachable") for status in (None, 408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_a_document_is_asked_for_again_unless_its_server_refuses_it(status: int | None, code: str) -> None:
    error = failures.document_not_fetched("why", status, 7)
    assert (error.code, error.retryable) == (code, code == "document_unreachable")
    assert error.retry_after_s == (7 if error.retryable else None)


@pytest.mark.parametrize(
    ("code", "peak_mib", "expected", "says"),
    [
        (-11, 10, RendererCrashed, "was killed by SIGSEGV"),
        (-6, 10, RendererCrashed, "was killed by SIGABRT"),
        (-6, 90, RenderOutOfMemory, "more than 100 MiB"),
        (-200, 10, RendererCrashed, "was killed by signal 200"),
        (3, 99, RendererCrashed, "ended with exit code 3"),
    ],
)
def test_the_way_a_child_ended_decides_the_error_of_its_document(
    code: int, peak_mib: int, expected: type, says: str
) -> None:
    error = failures.child_died(code, peak_bytes=peak_mib * MIB, memory_bytes=100 * MIB)
    assert isinstance(error, expected)
    assert says in error.message


def test_only_failures_that_may_not_happen_again_are_retryable() -> None:
    assert failures.stopped().retryable
    assert failures.unexpected_answer(ValueError("x")).retryable
    assert not failures.timed_out(1500).retryable
    assert not failures.out_of_memory(MIB).retryable
    assert not failures.result_too_large(MIB).retryable


def test_messages_name_the_limit() -> None:
    assert "within 1.5 s" in failures.timed_out(1500).message
    assert "more than 3 MiB" in failures.out_of_memory(3 * MIB).message
    assert "larger than 3 MiB" in failures.result_too_large(3 * MIB).message
