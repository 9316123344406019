"""Decides from what clients saw whether the system kept its promises. README.md lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos.observations import read
from tests.chaos.promises.events import log_is_whole, readers_hear_soon, readers_miss_nothing
from tests.chaos.promises.history import History
from tests.chaos.promises.jobs import (
    batches_complete_once,
    jobs_end_once,
    results_are_right,
    steps_are_legal,
    times_are_kept,
)
from tests.chaos.promises.requests import (
    accepted_is_durable,
    answers_agree_with_events,
    answers_are_documented,
    changes_are_truthful,
    keys_make_one_job,
    tenants_are_apart,
)
from tests.chaos.promises.violation import Violation
from tests.chaos.promises.webhooks import webhooks_are_genuine, webhooks_arrive

Promise = Callable[[History], Iterator[str]]
PROMISES: tuple[Promise, ...] = (
    jobs_end_once.broken,
    steps_are_legal.broken,
    times_are_kept.broken,
    results_are_right.broken,
    batches_complete_once.broken,
    log_is_whole.broken,
    readers_miss_nothing.broken,
    readers_hear_soon.broken,
    accepted_is_durable.broken,
    keys_make_one_job.broken,
    changes_are_truthful.broken,
    answers_agree_with_events.broken,
    answers_are_documented.broken,
    tenants_are_apart.broken,
    webhooks_arrive.broken,
    webhooks_are_genuine.broken,
)


def check(log: Path, *, final: bool = True) -> list[Violation]:
    """Returns what is broken in the run that wrote `log`.

    With `final=False` the run is still under way: only what can be decided already is judged.
    """
    history = History(read(log), final=final)
    violations = [Violation(_name(promise), what) for promise in PROMISES for what in promise(history)]
    if final and history.moment("end") is None:
        violations.append(Violation("run", "it was not finished, so what is missing cannot be judged"))
    return violations


def _name(promise: Promise) -> str:
    return promise.__module__.rpartition(".")[2]
