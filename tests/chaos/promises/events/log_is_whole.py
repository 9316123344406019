"""A tenant's event log has one epoch and no holes, and an event never changes, wherever it is read.

The store of a run keeps what it has acknowledged, so the log never has a reason for a new epoch. A
full store removes the oldest events, and the log says so to those who ask for them.
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
        missing = [each for each in history.holes[tenant] if each >= history.first_kept(tenant)]
        if missing and (history.final or not _was_told(history, tenant)):
            yield f"the log of {tenant} misses {_shown(missing)}"
        ids = [event.id for event in events.values()]
        if len(set(ids)) < len(ids):
            yield f"the log of {tenant} has {len(ids) - len(set(ids))} events twice"
    for page in history.of(LogRead):
        yield from _wrong_page(history, page)


def _wrong_page(history: History, page: LogRead) -> Iterator[str]:
    asked = int(page.after.partition(".")[2]) if page.after else None
    is_refused = history.final and page.code == "cursor_expired"
    if is_refused and (asked is None or asked + 1 >= history.first_kept(page.tenant)):
        yield f"the log of {page.tenant} refused the cursor {page.after}, and has what follows"
    for event in page.events:
        if history.log[page.tenant][event.epoch, event.sequence].digest != event.digest:
            yield f"event {event.sequence} of {page.tenant} was another one at another look"
    if page.events:
        sequences = [event.sequence for event in page.events]
        first = sequences[0] if asked is None else asked + 1
        if sequences != list(range(first, first + len(sequences))):
            yield f"a page of {page.tenant} after {page.after} has the events {_shown(sequences)}"
        if page.next_cursor != f"{page.events[-1].epoch}.{page.events[-1].sequence}":
            yield f"a page of {page.tenant} ends with {page.events[-1].sequence} and says {page.next_cursor}"


def _was_told(history: History, tenant: str) -> bool:
    """Whether a page said that events are gone."""
    return any(page.code == "cursor_expired" and page.tenant == tenant for page in history.of(LogRead))


def _shown(sequences: list[int]) -> str:
    more = f" and {len(sequences) - 5} more" if len(sequences) > 5 else ""
    return ", ".join(map(str, sequences[:5])) + more
