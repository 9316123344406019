"""When a worker writes, claims and renews. A lease belongs to the queue (`LEASE_MS`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTiming:
    """The defaults are for production; tests pass others.

    The measurements are from backlogs of runs of 22 ms (a small invoice) on two slots, two cores,
    where each wake-up of worker, store, web and notifier takes the processor from a render.
    """

    flush_after_s: float = 0.1
    """Longest wait of a start or an outcome for others, with which it shares a thread, a flush of
    the disk and a round trip. A job costs 0.15 round trips and 0.11 flushes of the directory with
    0.1 s, 0.21 and 0.17 with 0.05 s, and 1.5 and 0.6 without a wait. 0.2 s gains nothing more,
    because the prefetched claims run out."""

    store_retry_s: float = 2.0
    """Longest wait before a step that the store did not answer is taken again; with jitter, so that
    a store that was restarted does not meet all workers at once."""

    artifact_retry_s: float = 2.0
    """Between two tries to reach an artifact store that takes nothing."""

    artifact_try_s: float = 10.0
    """The least time of a try, also if the time of the job is over: a run that was just in time has
    one try, and a large result takes seconds on a slow line."""

    short_run_s: float = 0.25
    """Claims are prefetched while runs take no longer than this on average. A longer run loses
    nothing by the millisecond of a round trip after it."""

    prefetch_for_s: float = 0.24
    """How long the prefetched claims last: two flushes, and some room for a late one."""

    max_prefetched_per_slot: int = 12
    """Bounds what waits in one worker while another is idle; reached by runs of 20 ms."""

    hold_s: float = 1.0
    """A prefetched claim is handed back after this time: the runs before it turned out to be long,
    and another worker may have a free slot."""

    new_run_weight: float = 0.2
    """Weight of the newest run in the average: a change of load shows after about five runs."""

    unfinished_per_slot: int = 8
    """How many ended runs per slot may wait for the store before no more jobs begin. Bounds the
    memory that their results take during an outage."""

    look_again_s: float = 1.0
    """Longest time between two looks at the queue: leases may be lost, and a wake-up may be."""

    renew_interval_s: float = 0.5
    """Between two renewals of all leases. A fifth of a lease, so one lost renewal does no harm; it
    is also how long a cancelled run goes on at most."""

    progress_interval_s: float = 0.25
    """Between two progress messages of a run, and before the first: a shorter run needs none."""
