"""A tenant's event log has one epoch and no holes, and an event never changes, wherever it is read.

The store of a run keeps what it has acknowledged, so the log never has a reason for a new epoch.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.observations import LogRead
from tests.chaos.promises.history import History


def broken(history: History) -> Iterator[str]:
    for tenant, events in history.log.items():
        epochs = {epoch for epoch, _ in events}
        if len(epochs) > 1:
            yield f"the log of {tenant} has the epochs {sorted(epochs)}"
        for epoch in epochs:
            sequences = [sequence for each, sequence in events if each == epoch]
            missing = sorted(set(range(1, sequences[-1] + 1)) - set(sequences))
            if missing:
                yield f"the log of {tenant} misses {_shown(missing)} of {sequences[-1]} events"
        ids = [event.id for event in events.values()]
        if len(set(ids)) < len(ids):
            yield f"the log of {tenant} has {len(ids) - len(set(ids))} events twice"
    for page in history.of(LogRead):
        yield from _wrong_page(history, page)


def _wrong_page(history: History, page: LogRead) -> Iterator[str]:
    if page.code == "cursor_expired":
        yield f"the log of {page.tenant} refused the cursor {page.after}, which it had given"
    for event in page.events:
        if history.log[page.tenant][event.epoch, event.sequence].digest != event.digest:
            yield f"event {event.sequence} of {page.tenant} was another one at another look"
    if page.events:
        asked = int(page.after.partition(".")[2]) if page.after else 0
        sequences = [event.sequence for event in page.events]
        if sequences != list(range(asked + 1, asked + 1 + len(sequences))):
            yield f"a page of {page.tenant} after {page.after} has the events {_shown(sequences)}"
        if page.next_cursor != f"{page.events[-1].epoch}.{page.events[-1].sequence}":
            yield f"a page of {page.tenant} ends with {page.events[-1].sequence} and says {page.next_cursor}"


def _shown(sequences: list[int]) -> str:
    more = f" and {len(sequences) - 5} more" if len(sequences) > 5 else ""
    return ", ".join(map(str, sequences[:5])) + more
