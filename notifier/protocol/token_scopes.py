"""What the tokens of one connection permit, and until when. Pure; times are Unix seconds."""

from __future__ import annotations

import math

from jobs.core.tokens import JOBS_CHANNEL, Grant, Scope


class TokenScopes:
    """Scopes with their ends. A connection may have several tokens, of one tenant."""

    __slots__ = ("_ends",)

    def __init__(self, *, is_unlimited: bool = False) -> None:
        self._ends: dict[Scope, float] = {Scope(channel=JOBS_CHANNEL): math.inf} if is_unlimited else {}

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def next_end(self) -> float:
        return min(self._ends.values(), default=math.inf)

    def add(self, grant: Grant) -> None:
        """An older token never shortens what a newer one gave."""
        self._ends[grant.scope] = max(grant.expires_at, self._ends.get(grant.scope, 0))

    def expire(self, now: float) -> bool:
        """Drops what has ended; whether anything has."""
        expired = [scope for scope, end in self._ends.items() if end <= now]
        for scope in expired:
            del self._ends[scope]
        return bool(expired)

    def cover_job(self, job_id: str, batch_id: str | None) -> bool:
        return any(scope.covers(job_id, batch_id) for scope in self._ends)

    def may_cover_job(self, job_id: str) -> bool:
        """As far as one can tell without the job's record: a batch is known from that."""
        return any(scope.batch_id is not None or scope.covers(job_id, None) for scope in self._ends)

    def cover_batch(self, batch_id: str) -> bool:
        return any(scope.channel == JOBS_CHANNEL or scope.batch_id == batch_id for scope in self._ends)

    def cover_channel(self) -> bool:
        return any(scope.channel == JOBS_CHANNEL for scope in self._ends)
