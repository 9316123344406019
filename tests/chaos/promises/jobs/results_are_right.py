"""A good job succeeds with the result of its own document, the same bytes at each download, and a
job that cannot succeed says why."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.observations import Downloaded, EventSeen, Expected
from tests.chaos.promises.history import History

_COLOUR_TOLERANCE = 2
"""Of a channel, from 255: a picture is drawn with rounding."""
_WHEN_ATTEMPTS_END = {"worker_lost", "renderer_crashed", "internal_error"}
"""Errors of a good job that had bad luck in each of its attempts."""

_FROZEN_S = 8
"""No document of the load takes that long, unless a process is frozen: its deadline ends it."""


def broken(history: History) -> Iterator[str]:
    yield from _wrong_ends(history)
    yield from _wrong_downloads(history)


def _wrong_ends(history: History) -> Iterator[str]:
    for job_id, end in history.ends.items():
        expected = history.expected.get(job_id)
        if expected is None or end.job is None:
            continue
        if end.type == "job.succeeded" and expected.fails:
            yield f"{job_id} succeeded, and had to fail with {expected.fails}"
        if end.type == "job.failed" and not _may_fail(history, end, expected):
            yield f"{job_id} failed with {end.job.error_code} at attempt {end.job.attempt}"


def _may_fail(history: History, end: EventSeen, expected: Expected) -> bool:
    assert end.job is not None
    match end.job.error_code:
        case "job_expired":
            return True  # `times_are_kept` looks at the time
        case "render_timeout":
            return (end.job.finished_at or 0) - (end.job.started_at or 0) > _FROZEN_S
        case "source_gone":
            return any(map(history.deletion_was_asked, expected.sources))
        case code:
            return code == expected.fails or code in _WHEN_ATTEMPTS_END


def _wrong_downloads(history: History) -> Iterator[str]:
    first: dict[str, str | None] = {}
    for each in history.of(Downloaded):
        if each.status != 200:
            yield from _wrong_refusal(history, each)
            continue
        expected, end = history.expected.get(each.job_id), history.ends.get(each.job_id)
        if expected is not None:
            yield from _wrong_content(each, expected)
        if first.setdefault(each.job_id, each.sha256) != each.sha256:
            yield f"{each.job_id} had another result before"
        if end is not None and end.job is not None and end.job.sha256 != each.sha256:
            yield f"{each.job_id} has a result with SHA-256 {each.sha256}, and says {end.job.sha256}"


def _wrong_content(download: Downloaded, expected: Expected) -> Iterator[str]:
    wanted = "image/png" if expected.is_picture else "application/pdf"
    if download.content_type != wanted:
        yield f"{download.job_id} has a result of type {download.content_type}, not {wanted}"
    elif expected.is_picture:
        if not _are_alike(download.colour, expected.colour):
            yield f"{download.job_id} is a picture of colour {download.colour}, not {expected.colour}"
    elif download.texts != expected.texts:
        yield f"{download.job_id} shows {download.texts}, not {expected.texts}"


def _are_alike(colour: str | None, wanted: str | None) -> bool:
    if colour is None or wanted is None:
        return False
    channels = zip(bytes.fromhex(colour), bytes.fromhex(wanted), strict=True)
    return all(abs(is_now - should_be) <= _COLOUR_TOLERANCE for is_now, should_be in channels)


def _wrong_refusal(history: History, each: Downloaded) -> Iterator[str]:
    end = history.ends.get(each.job_id)
    if each.code == "result_expired" and not history.deletion_was_asked(each.job_id, each.at):
        yield f"the result of {each.job_id} is gone, and nobody deleted it"
    if each.code == "job_not_succeeded" and end is not None and end.type == "job.succeeded":
        yield f"the result of {each.job_id} was refused, and it had succeeded"
    if each.code == "not_finished" and history.known_end(each.job_id, each.began):
        yield f"the result of {each.job_id} was refused as not finished, and it had ended"
