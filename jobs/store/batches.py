"""Batches: jobs that are accepted together, all or none, with one event when all have ended."""

from __future__ import annotations

import json
from typing import Any

from jobs.core.errors.request import AlreadyFinished, BatchNotFound
from jobs.core.job import BatchSubmission, Submitted
from jobs.store.artifacts import Artifacts
from jobs.store.scripts import Scripts
from jobs.store.submission_writer import SubmissionWriter

_json = json.JSONEncoder(separators=(",", ":")).encode


class BatchStore:
    """The batches of all tenants. Every method may raise `StoreUnavailable`."""

    def __init__(self, scripts: Scripts, artifacts: Artifacts) -> None:
        self._scripts = scripts
        self._writer = SubmissionWriter(scripts, artifacts)

    async def submit(self, batch: BatchSubmission) -> Submitted:
        """Accepts all jobs of the batch, or none. Called again, it returns the batch as it is now.

        Raises what `SubmissionWriter.write` raises.
        """
        return await self._writer.write(
            "batch_submit",
            batch,
            batch.jobs,
            id=batch.batch_id,
            metadata=_json(batch.metadata),
            webhook_url=batch.webhook_url,
        )

    async def batch(self, tenant: str, batch_id: str) -> dict[str, Any]:
        """Returns the document. Raises BatchNotFound, for a batch of another tenant too."""
        document = await self._scripts.call("batch_get", tenant=tenant, id=batch_id)
        if document is None:
            raise BatchNotFound(batch_id)
        found: dict[str, Any] = json.loads(document)
        return found

    async def cancel(self, tenant: str, batch_id: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Cancels the jobs that have not ended.

        Returns the document, and kind and priority of each job that was cancelled. Raises
        BatchNotFound, AlreadyFinished.
        """
        answer = await self._scripts.call("batch_cancel", tenant=tenant, id=batch_id)
        if answer[0] == b"missing":
            raise BatchNotFound(batch_id)
        if answer[0] == b"finished":
            raise AlreadyFinished(f"{batch_id} has finished already: all its jobs have ended.")
        document: dict[str, Any] = json.loads(answer[1])
        names = [name.decode() for name in answer[2]]
        return document, list(zip(names[::2], names[1::2], strict=True))
