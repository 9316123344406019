"""A scheduled job never starts before its time, and a job that expired never starts."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.promises.history import History

_TOLERANCE_S = 0.25
"""Client and system share a clock; times are whole milliseconds, and rounding is allowed."""
_CLAIMED_S = 20
"""A job that was claimed in time may be started, or its start be recorded, this much later."""


def broken(history: History) -> Iterator[str]:
    for job_id, events in history.job_events.items():
        asked = history.accepted.get(job_id)
        for event in events:
            job = event.job
            assert job is not None
            if event.type == "job.started" and job.started_at is not None:
                if job.scheduled_at is not None and job.started_at < job.scheduled_at - _TOLERANCE_S:
                    early = job.scheduled_at - job.started_at
                    yield f"{job_id} started {early:.3f} s before its scheduled_at"
                if asked is not None and asked.expires_in is not None:
                    late = job.started_at - job.created_at - asked.expires_in
                    if job.attempt == 1 and late > _CLAIMED_S:
                        yield f"{job_id} started {late:.1f} s after it had expired"
            if job.error_code == "job_expired":
                if asked is not None and asked.expires_in is None:
                    yield f"{job_id} expired, and was to have no limit"
                elif asked is not None and asked.expires_in is not None:
                    early = job.created_at + asked.expires_in - (job.finished_at or 0)
                    if early > _TOLERANCE_S:
                        yield f"{job_id} expired {early:.3f} s too early"
        if asked is not None and asked.scheduled_at is not None and asked.route == "jobs":
            kept = events[0].job.scheduled_at if events[0].job else None
            if kept is None or abs(kept - asked.scheduled_at) > _TOLERANCE_S:
                yield f"{job_id} was submitted for {asked.scheduled_at}, and is scheduled for {kept}"
