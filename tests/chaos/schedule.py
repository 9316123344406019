"""Decides which faults happen when. The same seed gives the same faults."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

PROCESSES = ("web-1", "web-2", "worker-1", "worker-2", "notifier-1", "notifier-2")
WORKERS = ("worker-1", "worker-2")
STORE = "store"
ARTIFACTS = "artifacts"

MEAN_GAP_S = 3.0
"""A process needs about two seconds to start on two cores that are busy: so there is always
something broken, and about half of the system works at each moment."""
FIRST_FAULT_S = 4.0
"""The load has accepted the first jobs by then."""
QUIET_S = 12.0
"""The time without faults at the end, in which new jobs meet a system that recovers."""


class Kind(StrEnum):
    """What happens to the victim. Those with a duration end by themselves after it."""

    KILL = "kill"  # SIGKILL; it is started again
    TERMINATE = "terminate"  # SIGTERM; it is started again when it has ended
    FREEZE = "freeze"  # SIGSTOP, and SIGCONT later
    KILL_CHILD = "kill-child"  # SIGKILL for one of the processes that a worker has started
    FREEZE_CHILD = "freeze-child"
    RESET = "reset"  # every connection to the store is reset, once
    REFUSE = "refuse"  # every connection to the store is reset, and new ones are refused
    SLOW = "slow"  # bytes to and from the store are late, and few a second
    STALL = "stall"  # connections to the store stay open, new ones too, and no byte passes
    LOSE_ANSWERS = "lose-answers"  # the store does what it is told, and its answers are lost
    FULL = "full"  # the disk has no room left
    READ_ONLY = "read-only"
    NO_MEMORY = "no-memory"  # the store reaches its maxmemory


NETWORK = frozenset({Kind.RESET, Kind.REFUSE, Kind.SLOW, Kind.STALL, Kind.LOSE_ANSWERS})
DISK = frozenset({Kind.FULL, Kind.READ_ONLY})

LONGEST_S = {
    # Leases last 2.5 s, the store's answers may take 5 s: some faults are shorter, some longer.
    Kind.FREEZE: 8.0,
    Kind.FREEZE_CHILD: 6.0,
    Kind.REFUSE: 7.0,
    Kind.SLOW: 10.0,
    Kind.STALL: 8.0,
    Kind.LOSE_ANSWERS: 1.0,
    Kind.FULL: 6.0,
    Kind.READ_ONLY: 6.0,
    Kind.NO_MEMORY: 5.0,
}
SHORTEST_S = 0.5

ROUND = (
    *((Kind.KILL, victim) for victim in (*PROCESSES, *WORKERS, STORE)),
    *((Kind.TERMINATE, victim) for victim in (*PROCESSES, STORE)),
    *((Kind.FREEZE, victim) for victim in (*PROCESSES, STORE)),
    *((kind, None) for kind in (Kind.KILL_CHILD, Kind.KILL_CHILD, Kind.FREEZE_CHILD)),
    *((kind, None) for kind in NETWORK for _ in range(2)),
    *((Kind.LOSE_ANSWERS, victim) for victim in PROCESSES),
    (Kind.FULL, ARTIFACTS),
    (Kind.FULL, STORE),
    (Kind.READ_ONLY, ARTIFACTS),
    (Kind.NO_MEMORY, STORE),
)
"""Faults are dealt like cards: each of these once, in an order of the seed, then all again. A
victim of None is chosen at random. So the rare kinds occur in short runs, too."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    at_s: float
    """Seconds after the start of the load."""
    kind: Kind
    victim: str
    for_s: float = 0.0
    """Zero if it has no duration."""

    @property
    def ends_s(self) -> float:
        return self.at_s + self.for_s

    @property
    def medium(self) -> tuple[str, str]:
        """What is broken. Two faults of one medium never overlap, others do."""
        if self.kind in NETWORK - {Kind.RESET}:
            return self.victim, "network"
        if self.kind in DISK:
            return self.victim, "disk"
        return self.victim, self.kind

    def __str__(self) -> str:
        lasting = f" for {self.for_s:.1f} s" if self.for_s else ""
        return f"{self.kind} {self.victim}{lasting}"


def schedule(seed: int, duration_s: float) -> list[Fault]:
    """Returns the faults of a run in order of time; all have ended `QUIET_S` before its end."""
    chance = random.Random(f"faults {seed}")
    cards = _cards(chance)
    faults: list[Fault] = []
    free_at: dict[tuple[str, str], float] = {}
    at_s = FIRST_FAULT_S
    while at_s < duration_s - QUIET_S:
        kind, victim = next(cards)
        longest_s = min(LONGEST_S.get(kind, 0.0), duration_s - QUIET_S - at_s)
        for_s = round(chance.uniform(min(SHORTEST_S, longest_s), longest_s), 1) if longest_s else 0.0
        fault = Fault(round(at_s, 1), kind, victim, for_s)
        if fault.at_s >= free_at.get(fault.medium, 0.0):
            faults.append(fault)
            free_at[fault.medium] = fault.ends_s
            at_s += chance.expovariate(1 / MEAN_GAP_S)
    return faults


def _cards(chance: random.Random) -> Iterator[tuple[Kind, str]]:
    while True:
        cards = sorted(ROUND, key=lambda card: (card[0], card[1] or ""))  # sets have no order
        chance.shuffle(cards)
        for kind, victim in cards:
            if victim is None:
                victim = chance.choice(PROCESSES if kind in NETWORK else WORKERS)
            yield kind, victim
