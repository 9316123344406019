"""Every job ends, once: it gets one terminal state and one terminal event."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.promises.history import History, is_end


def broken(history: History) -> Iterator[str]:
    for job_id, events in history.job_events.items():
        ends = [event for event in events if is_end(event)]
        if len(ends) > 1:
            yield f"{job_id} ended {len(ends)} times: {', '.join(event.type for event in ends)}"
        was_seen = history.may_miss_events(job_id) and history.known_end(job_id)
        if history.final and not ends and not was_seen:
            yield f"{job_id} never ended: its last event is {events[-1].type}"
