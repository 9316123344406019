"""Steps for which a moment more or less means nothing, taken together with others: what they share costs once."""

from __future__ import annotations

import asyncio

OUTCOME_PATIENCE_S = 0.08
CLAIM_PATIENCE_S = 0.16
"""For the round trip of outcomes, whose files are written first."""


class Company:
    """Whoever waits here is let go with all the others that wait, at most `patience_s` after the first came."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._departure = asyncio.Event()
        self._due: asyncio.TimerHandle | None = None

    async def wait(self) -> None:
        """Returns at the next departure."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(self._patience_s, self.depart)
        await self._departure.wait()

    def depart(self) -> None:
        """Lets everybody go who waits."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
            self._departure.set()
            self._departure = asyncio.Event()
