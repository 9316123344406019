"""Every answer is one that the API documents for the request, faults or not: no 500, and with 503
the time to wait."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.observations import Asked, JobRead, Submitted
from tests.chaos.promises.history import History

_ALWAYS = {200, 201, 202, 204, 304}
_REFUSALS: dict[str, set[str]] = {
    "Submitted": {"idempotency_key_reused", "job_failed", "queue_full", "job_not_found", "input_gone"},
    "JobRead": {"job_not_found"},
    "BatchRead": set(),
    "Changed": {"already_finished", "not_finished", "job_not_found"},
    "Downloaded": {"not_finished", "job_not_succeeded", "result_expired", "job_not_found"},
    "LogRead": {"cursor_expired"},
    "Listed": set(),
    "Probed": {"job_not_found"},
    "EndpointAsked": {"webhook_endpoint_not_found", "webhook_conflict"},
}
"""The codes of 4xx answers that the requests of the load can cause."""
_IF_FROZEN = {"request_timeout", "body_timeout"}
"""What a process may say that was frozen while it read a request."""


def broken(history: History) -> Iterator[str]:
    for each in history.all:
        if isinstance(each, JobRead) and each.how == "submit":
            continue  # the answer to a submission, noted as `Submitted` too
        if isinstance(each, Asked) and each.status not in (None, *_ALWAYS):
            name = f"{type(each).__name__} of {each.tenant}"
            if each.status == 503:
                if each.code is None or not each.retry_after:
                    yield f"{name} was answered 503 {each.code}, Retry-After: {each.retry_after}"
            elif each.code not in _REFUSALS[type(each).__name__] | _IF_FROZEN and not _is_asked_for(each):
                yield f"{name} was answered {each.status} {each.code}"


def _is_asked_for(each: Asked) -> bool:
    return isinstance(each, Submitted) and each.must_refuse and each.code == "invalid_input"
