"""The deliveries, as a notifier uses them: claim, settle, sweep. Each is one atomic step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from redis.asyncio import Redis

from jobs.store import keys
from jobs.store.client import BLOCK_MS, translated_errors
from jobs.store.connection import DedicatedConnection
from jobs.store.scripts import Scripts

LEASE_MS = 25_000
"""How long a claim holds: longer than any exchange and the writing of its outcome."""

Lane = Literal["priority", "normal", "late"]
"""Which deliveries go first.

- ``priority``: a first attempt for a target with nothing in flight; somebody waits for it;
- ``normal``: a first attempt for a target with others in flight, or of a large fan-out;
- ``late``: a retry, or a delivery to a target whose last request failed.
"""

_SWEEP_BATCH = 200


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """A notifier's right to send one delivery. `number` is the fence for its outcome.

    The fields are in the order in which `webhook_claim.lua` answers them.
    """

    body: bytes
    id: str
    number: int
    target_id: str
    tenant: str
    event_id: str
    event_type: str
    attempts_used: int
    faults: int
    """Faults on our side since the last answer of the receiver."""
    round_ms: int
    """When the first attempt of this round was made."""
    waiting_since_ms: int
    url: str
    sealed: str = field(repr=False)
    is_test: bool
    lane: Lane
    claimed_ms: int
    """The store's time."""

    @property
    def log_context(self) -> dict[str, Any]:
        return {
            "delivery_id": self.id,
            "target": self.target_id,
            "tenant": self.tenant,
            "event_id": self.event_id,
            "event_type": self.event_type,
        }


@dataclass(frozen=True, slots=True)
class DeliveryBatch:
    claims: list[DeliveryClaim]
    next_due_ms: int | None
    """Milliseconds until something is due; None if nothing is."""
    given_up: list[str]
    """Deliveries that this look gave up: notifier after notifier died with them."""


class DeliveryQueue:
    """Every method raises `StoreUnavailable` if the store does not answer; repeating is safe."""

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._doorbell = DedicatedConnection(redis)
        self._scripts = scripts

    async def claim(self, want: int, max_per_target: int, max_late: int | None = None) -> DeliveryBatch:
        """Claims up to `want` deliveries, up to `max_late` of them of the late lane (None: all).

        A target with `max_per_target` requests in flight gets no more.
        """
        now_ms, due_in_ms, rows, given_up = await self._scripts.call(
            "webhook_claim",
            want=want,
            lease_ms=LEASE_MS,
            max_per_target=max_per_target,
            max_late=want if max_late is None else max_late,
        )
        claims = [_claim(row, now_ms) for row in rows]
        return DeliveryBatch(
            claims, None if due_in_ms < 0 else due_in_ms, [each.decode() for each in given_up]
        )

    async def settle(
        self,
        claim: DeliveryClaim,
        outcome: str,
        record: str,
        *,
        delay_ms: int | None,
        hold_ms: int,
        chance: float,
        took_ms: float,
    ) -> tuple[str | None, str]:
        """Writes how an attempt ended.

        Returns the status of the delivery (None if the claim was no longer the current one), and
        why this attempt got the endpoint disabled (empty if it did not).

        `delay_ms` is until the next attempt, None if there is none. `hold_ms` is how long to send
        nothing to the target. `chance` is a random number below 1.
        """
        answer = await self._scripts.call(
            "webhook_settle",
            delivery_id=claim.id,
            claim=claim.number,
            outcome=outcome,
            delay_ms=delay_ms,
            attempt=record,
            leave_ms=hold_ms,
            chance=chance,
            took_ms=round(took_ms),
        )
        if answer[0] == b"lost":
            return None, ""
        return answer[1].decode(), answer[2].decode()

    async def sweep(self) -> int:
        """Removes deliveries that expired, and ends those whose targets are disabled or gone.

        Handles a bounded number and returns it; call again until it is 0.
        """
        return int(await self._scripts.call("webhook_sweep", limit=_SWEEP_BATCH))

    async def wait_for_doorbell(self) -> str | None:
        """Returns a lane that has something to claim; None after about a second."""
        with translated_errors():
            rung = await self._doorbell.call("BLPOP", keys.WEBHOOK_DOORBELL, BLOCK_MS / 1000)
        return None if rung is None else rung[1].decode()


def _claim(row: list[Any], now_ms: int) -> DeliveryClaim:
    body, *rest = [*row, now_ms]
    fields: list[Any] = [each.decode() if isinstance(each, bytes) else each for each in rest]
    return DeliveryClaim(body, *fields)
