from typing import get_args

import pytest

from jobs.core.errors.job import RendererCrashed, RenderOutOfMemory
from jobs.render.protocol import failures as verdicts
from jobs.render.protocol.limits import MIB
from jobs.render.protocol.messages import FailureCode


@pytest.mark.parametrize("code", get_args(FailureCode))
def test_every_code_that_a_child_may_report_has_its_error(code: str) -> None:
    error = verdicts.as_reported(code, "why")
    assert (error.code, error.message) == (code, "why")


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
def test_how_a_child_died_decides_what_its_document_failed_of(
    code: int, peak_mib: int, expected: type, says: str
) -> None:
    error = verdicts.died(code, peak_bytes=peak_mib * MIB, memory_bytes=100 * MIB)
    assert isinstance(error, expected)
    assert says in error.message


def test_what_may_pass_is_tried_again_and_what_may_not_is_not() -> None:
    assert verdicts.stopped().retryable
    assert verdicts.nonsense(ValueError("x")).retryable
    assert not verdicts.too_late(1500).retryable
    assert not verdicts.out_of_memory(MIB).retryable
    assert not verdicts.too_large(MIB).retryable


def test_the_sentences_name_the_limit() -> None:
    assert "within 1.5 s" in verdicts.too_late(1500).message
    assert "more than 3 MiB" in verdicts.out_of_memory(3 * MIB).message
    assert "larger than 3 MiB" in verdicts.too_large(3 * MIB).message
