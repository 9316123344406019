"""A reader whose connection is open hears of an event soon, not only when the next one comes."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.observations import Left, LogRead, Received, Subscribed, WasReset
from tests.chaos.promises.history import History

_CALM_S = 5
"""Without faults an event arrives within milliseconds; the client may be busy."""
_FAULTS_S = 45
"""A few of the longest faults may follow each other."""


@dataclass
class _Connection:
    tenant: str
    job_id: str | None
    since: float
    position: int
    """The newest sequence, or version of the job, that has arrived."""


def broken(history: History) -> Iterator[str]:
    logs = _log_ends(history)
    connections: dict[str, _Connection] = {}
    positions: dict[str, int] = {}
    calm = history.moment("faults_end")
    for each in history.all:
        match each:
            case Subscribed():
                cursor = int((each.after or each.cursor or "0.0").partition(".")[2])
                version = each.snapshot.version if each.snapshot else 0
                position = version if each.job_id else max(cursor, positions.get(each.reader, 0))
                connections[each.reader] = _Connection(each.tenant, each.job_id, each.at, position)
            case Received() if each.reader in connections:
                connection = connections[each.reader]
                position = (each.version or 0) if connection.job_id else each.sequence
                connection.position = positions[each.reader] = position
            case WasReset() if each.reader in connections:
                del connections[each.reader]
            case Left() if each.reader in connections:
                connection = connections.pop(each.reader)
                is_calm = calm is not None and each.at - _CALM_S > calm + _CALM_S
                due = each.at - (_CALM_S if is_calm else _FAULTS_S)
                known = _known(history, logs, connection, due) if connection.since < due else 0
                if known > connection.position:
                    yield f"{each.reader} was at {connection.position}, and {known} was {each.at - due:.0f} s old"


def _known(
    history: History, logs: dict[str, tuple[list[float], list[int]]], connection: _Connection, due: float
) -> int:
    """Returns the newest sequence, or version of the job, that any client had seen before `due`."""
    if connection.job_id is not None:
        return history.known_version(connection.job_id, due)
    times, ends = logs.get(connection.tenant, ([], []))
    at = bisect_left(times, due)
    return max(ends[:at], default=0)


def _log_ends(history: History) -> dict[str, tuple[list[float], list[int]]]:
    """Returns when pages of each tenant's log were read, and where they end."""
    found: dict[str, tuple[list[float], list[int]]] = defaultdict(lambda: ([], []))
    for page in history.of(LogRead):
        if page.events:
            times, ends = found[page.tenant]
            times.append(page.at)
            ends.append(page.events[-1].sequence)
    return found
