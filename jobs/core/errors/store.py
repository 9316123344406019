"""What is wrong with the store, with an artifact in it, or with a claim on a job."""

from __future__ import annotations

from typing import ClassVar

from jobs.core.errors import CannotServe, PressrunError


class StoreError(PressrunError):
    """The store cannot serve this now. `retry_after` is in seconds."""

    status: ClassVar[int] = 503
    retry_after: ClassVar[int] = 2


class StoreUnavailable(StoreError, code="store_unavailable"):
    """Not reachable, not answering, loading, or failing over. Whether a write took effect is
    unknown."""


class StoreFull(StoreError, code="store_full", retry_after=10):
    """Out of memory: nothing was written, unless it was sent before and that answer got lost."""


class ArtifactsUnavailable(StoreError, code="artifacts_unavailable", retry_after=10):
    """The place for documents and results is full, read-only or away. Nothing was accepted."""


class StoreEvicts(StoreError, code="store_evicts", retry_after=60):
    """The store removes keys when it is full, so accepted jobs could vanish. Nothing was
    written."""


class RecordTooNew(StoreError, code="record_too_new"):
    """A newer release wrote a record that this one cannot read. It is left as it is: run the newer
    release again."""


class ClusterRefused(CannotServe, code="cluster_refused"):
    """`REDIS_URL` names a cluster. Raised at start; nothing is served from one. The process ends
    with the exit code of a wrong setting."""


class ArtifactMissing(PressrunError, code="artifact_missing"):
    """There is no such artifact (any more)."""


class ArtifactTooLarge(PressrunError, code="artifact_too_large"):
    """More bytes than the artifact store takes in one piece."""


class ClaimLost(PressrunError, code="claim_lost"):
    """The claim is not current any more: the job has another worker, or was cancelled or deleted.

    Normal after a lost lease; the worker drops what it has and moves on.
    """

    def __init__(self, job_id: str, claim: int) -> None:
        super().__init__(f"claim {claim} of {job_id} is no longer current")
