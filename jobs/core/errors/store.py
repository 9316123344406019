"""What is wrong with the store, with an artifact in it, or with a claim on a job."""

from __future__ import annotations

from typing import ClassVar

from jobs.core.errors import PressrunError


class StoreError(PressrunError):
    """The store cannot serve this now. `retry_after` is in seconds."""

    status: ClassVar[int] = 503
    retry_after: ClassVar[int] = 2


class StoreUnavailable(StoreError):
    """Not reachable, not answering, loading, or failing over. Whether a write took effect is
    unknown."""

    code = "store_unavailable"


class StoreFull(StoreError):
    """Out of memory: nothing was written, unless it was sent before and that answer got lost."""

    code = "store_full"
    retry_after = 10


class RecordTooNew(StoreError):
    """A newer release wrote a record that this one cannot read. It is left as it is: run the newer
    release again."""

    code = "record_too_new"


class ClusterRefused(PressrunError):
    """`REDIS_URL` names a cluster. Raised at start; nothing is served from one."""

    code = "cluster_refused"


class ArtifactMissing(PressrunError):
    """There is no such artifact (any more)."""

    code = "artifact_missing"


class ArtifactTooLarge(PressrunError):
    """More bytes than the artifact store takes in one piece."""

    code = "artifact_too_large"


class ClaimLost(PressrunError):
    """The claim is not the current one any more: another worker has the job, or it was cancelled or
    deleted.

    Normal after a lost lease; the worker drops what it has and moves on.
    """

    code = "claim_lost"

    def __init__(self, job_id: str, claim: int) -> None:
        super().__init__(f"claim {claim} of {job_id} is no longer current")
        self.job_id = job_id
        self.claim = claim
