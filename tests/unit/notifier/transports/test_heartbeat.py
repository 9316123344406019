from __future__ import annotations

import asyncio
import time

import pytest

from notifier.protocol.close_codes import Close, CloseCode
from notifier.transports.heartbeat import Heartbeat

PATIENCE_S = 10
LONG_S = 3600


class Ticking:
    """What a heartbeat uses of a session."""

    def __init__(self, due_in_s: float) -> None:
        self.deadline = time.time() + due_in_s
        self.closing: Close | None = None
        self.ticks: asyncio.Queue[float] = asyncio.Queue()
        self.next_in_s: float = LONG_S

    def tick(self, now: float) -> None:
        if now >= self.deadline:
            self.ticks.put_nowait(now)
            self.deadline = now + self.next_in_s

    async def ticked(self) -> float:
        async with asyncio.timeout(PATIENCE_S):
            return await self.ticks.get()


def heartbeat(session: Ticking) -> Heartbeat:
    return Heartbeat(session, time.time)  # type: ignore[arg-type]


async def test_a_heartbeat_ticks_at_each_deadline() -> None:
    session = Ticking(0.02)
    session.next_in_s = 0.02
    beating = heartbeat(session)

    for _ in range(3):
        due = session.deadline
        assert await session.ticked() >= due
    beating.stop()


async def test_an_earlier_deadline_is_kept() -> None:
    session = Ticking(LONG_S)
    beating = heartbeat(session)

    session.deadline = time.time()
    beating.rearm()

    await session.ticked()
    beating.stop()


async def test_a_later_deadline_is_waited_for() -> None:
    session = Ticking(0.01)
    beating = heartbeat(session)
    moved = session.deadline = time.time() + 0.1
    beating.rearm()

    assert await session.ticked() >= moved
    beating.stop()


@pytest.mark.parametrize("ending", ["stopped", "closing"])
async def test_a_heartbeat_ends_with_the_session(ending: str) -> None:
    session, other = Ticking(0.01), Ticking(0.05)
    beating, reference = heartbeat(session), heartbeat(other)

    if ending == "stopped":
        beating.stop()
    else:
        session.closing = Close.because(CloseCode.RESTART, "")
        session.next_in_s = 0
        await session.ticked()

    await other.ticked()
    assert session.ticks.empty()
    reference.stop()
