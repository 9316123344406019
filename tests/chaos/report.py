"""What is printed at the end of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.chaos.observations import Delivered, LogRead, Submitted, read
from tests.chaos.promises import PROMISES
from tests.chaos.run import Outcome

VIOLATED = "VIOLATED"
SHOWN = 5
"""Violations of one promise. All are in `violations.txt`."""


def report(outcome: Outcome, directory: Path, seed: int, minutes: float) -> str:
    """Returns numbers, each promise, and if one was broken what to look at and how to repeat it."""
    return "\n".join(_lines(outcome, directory, seed, minutes))


def _lines(outcome: Outcome, directory: Path, seed: int, minutes: float) -> Iterator[str]:
    faults = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.faults.items()))
    yield f"faults: {outcome.faults.total()} ({faults})"
    yield f"{_numbers(outcome.log)}, in {outcome.seconds:.0f} s"
    for promise in PROMISES:
        name = promise.__module__.rpartition(".")[2]
        yield from _verdict(name, [each.what for each in outcome.violations if each.promise == name])
    known = {promise.__module__.rpartition(".")[2] for promise in PROMISES}
    for each in outcome.violations:
        if each.promise not in known:
            yield from _verdict(each.promise, [each.what])
    yield from _verdict("processes end when they are told to", outcome.findings)
    if not outcome.is_good:
        (directory / "violations.txt").write_text("\n".join(map(str, outcome.violations)) + "\n")
        yield how_to_go_on(directory, seed, minutes)


def how_to_go_on(directory: Path, seed: int, minutes: float) -> str:
    """Says where a run that was not good can be looked at, and how it is repeated."""
    return (
        f"logs, and what clients saw: {directory}\n"
        f"repeat it: .venv/bin/python -m tests.chaos --seed {seed} --minutes {minutes:g}"
    )


def _verdict(promise: str, broken: list[str]) -> Iterator[str]:
    yield f"{VIOLATED if broken else 'ok':8} {promise.replace('_', ' ')}"
    for what in broken[:SHOWN]:
        yield f"         {what}"
    if len(broken) > SHOWN:
        yield f"         and {len(broken) - SHOWN} more"


def _numbers(log: Path) -> str:
    """Counts what clients saw."""
    jobs: set[str] = set()
    events: set[tuple[str, str, int]] = set()
    deliveries = 0
    for each in read(log):
        if isinstance(each, Submitted):
            jobs.update(each.job_ids)
        elif isinstance(each, LogRead):
            events.update((each.tenant, event.epoch, event.sequence) for event in each.events)
        elif isinstance(each, Delivered):
            deliveries += 1
    return f"{len(jobs)} jobs, {len(events)} events, {deliveries} webhook requests"
