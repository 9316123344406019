"""What the tokens of one connection permit, and until when. Times are Unix seconds."""

from __future__ import annotations

import math

from jobs.core.tokens import JOBS_CHANNEL, Grant, Scope


class TokenScopes:
    __slots__ = ("_expiries",)

    def __init__(self, *, is_unlimited: bool = False) -> None:
        self._expiries: dict[Scope, float] = {Scope(channel=JOBS_CHANNEL): math.inf} if is_unlimited else {}

    def __len__(self) -> int:
        return len(self._expiries)

    @property
    def next_expiry(self) -> float:
        return min(self._expiries.values(), default=math.inf)

    def add(self, grant: Grant) -> None:
        """Adds a token's scope. Never shortens a scope that another token gave for longer."""
        self._expiries[grant.scope] = max(grant.expires_at, self._expiries.get(grant.scope, 0))

    def expire(self, now: float) -> bool:
        """Drops expired scopes; returns whether there were any."""
        expired = [scope for scope, expires_at in self._expiries.items() if expires_at <= now]
        for scope in expired:
            del self._expiries[scope]
        return bool(expired)

    def cover_job(self, job_id: str, batch_id: str | None) -> bool:
        return any(scope.covers(job_id, batch_id) for scope in self._expiries)

    def may_cover_job(self, job_id: str) -> bool:
        """Returns whether the job may be covered.

        A token for a batch covers its jobs, and only the job's record tells the batch.
        """
        return any(scope.batch_id is not None or scope.covers(job_id, None) for scope in self._expiries)

    def cover_batch(self, batch_id: str) -> bool:
        return any(scope.channel == JOBS_CHANNEL or scope.batch_id == batch_id for scope in self._expiries)

    def cover_channel(self) -> bool:
        return any(scope.channel == JOBS_CHANNEL for scope in self._expiries)
