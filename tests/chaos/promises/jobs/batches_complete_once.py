"""A batch is accepted whole or not at all, and completes once: after its last job, with the right
counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.observations import BatchRead, BatchSeen, EventSeen, Submitted
from tests.chaos.promises.history import TERMINAL, History


def broken(history: History) -> Iterator[str]:
    completions: dict[str, list[EventSeen]] = defaultdict(list)
    for events in history.log.values():
        for event in events.values():
            if event.type == "batch.completed" and event.batch is not None:
                completions[event.batch.id].append(event)
    for batch_id, completed in completions.items():
        if len(completed) > 1:
            yield f"{batch_id} completed {len(completed)} times"
        yield from _wrong_completion(history, completed[0])
    for batch_id, job_ids in _members(history).items():
        if history.final and batch_id not in completions and not any(map(history.may_miss_events, job_ids)):
            yield f"{batch_id} never completed"
        for job_id in job_ids:
            events_of_job = history.job_events.get(job_id, [])
            if any(event.job and event.job.batch_id != batch_id for event in events_of_job):
                yield f"{job_id} does not name its batch {batch_id}"
    yield from _partly_accepted(history)
    yield from _wrong_reads(history, completions)


def _members(history: History) -> dict[str, tuple[str, ...]]:
    return {each.batch_id: each.job_ids for each in history.of(Submitted) if each.batch_id}


def _wrong_completion(history: History, completed: EventSeen) -> Iterator[str]:
    batch = completed.batch
    assert batch is not None
    ends = [history.ends.get(job_id) for job_id in batch.job_ids]
    if None in ends and any(map(history.may_miss_events, batch.job_ids)):
        return
    if any(end is None or end.sequence > completed.sequence for end in ends):
        yield f"{batch.id} completed before its last job had ended"
        return
    counts = Counter(end.type.removeprefix("job.") for end in ends if end)
    if batch.status != "completed" or any(counts[status] != getattr(batch, status) for status in TERMINAL):
        yield f"{batch.id} completed with {batch}, and its jobs ended as {dict(counts)}"


def _partly_accepted(history: History) -> Iterator[str]:
    """Also a batch whose submission had no answer is there whole or not at all."""
    wanted = {each.nonce: len(each.expected) for each in history.of(Submitted) if each.route == "batches"}
    made: dict[str, set[str]] = defaultdict(set)
    for job_id, events in history.job_events.items():
        first = events[0].job
        if first is not None and first.nonce and first.batch_id:
            made[f"{first.batch_id} {first.nonce.rpartition('.')[0]}"].add(job_id)
    for name, job_ids in made.items():
        batch_id, _, nonce = name.partition(" ")
        if history.final and len(job_ids) != wanted.get(nonce):
            yield f"{batch_id} has {len(job_ids)} jobs, of {wanted.get(nonce)} that were submitted"


def _wrong_reads(history: History, completions: dict[str, list[EventSeen]]) -> Iterator[str]:
    newest: dict[str, BatchSeen] = {}
    for read in history.of(BatchRead):
        batch = read.batch
        if batch is None:
            continue
        newest[batch.id] = batch
        is_completed = batch.succeeded + batch.failed + batch.cancelled == batch.total
        if is_completed != (batch.status == "completed") or batch.total != len(batch.job_ids):
            yield f"{batch.id} contradicts itself: {batch}"
        if is_completed and batch.id in completions and completions[batch.id][0].batch != batch:
            yield f"{batch.id} is {batch}, and its event says {completions[batch.id][0].batch}"
    for batch_id, batch in newest.items():
        if history.final and batch.status != "completed" and batch_id in completions:
            yield f"{batch_id} completed, and was still running at the last look"
