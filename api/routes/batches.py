"""`/v1/batches`: many jobs in one request. One event tells that all have ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from starlette.responses import Response

from api.access.auth import Caller
from api.contract.answers import ACCEPTED, JOB_PROBLEMS
from api.contract.requests.batches import BatchRequest
from api.contract.responses.batches import AcceptedBatch, BatchDocument
from api.http.json_responses import json_reply
from api.http.operation import Answer, operation
from api.jobs.job_view import accepted_reply, id_in_path
from api.jobs.submission import IdempotencyKey
from api.services import Services
from jobs.core.errors.request import BatchNotFound
from jobs.core.ids import is_batch_id

_BATCH = "/v1/batches/{batch_id}"
_BATCH_NOT_FOUND = {404: "batch_not_found"}

BatchId = Annotated[str, id_in_path("batch_id", is_batch_id, BatchNotFound)]


@dataclass(frozen=True)
class BatchRoutes:
    services: Services

    @operation(
        "POST /v1/batches",
        {
            202: Answer(
                "Accepted: all jobs were written and queued before this answer was sent.",
                AcceptedBatch,
                headers=ACCEPTED.headers,
            ),
            **JOB_PROBLEMS,
        },
        headers=("Idempotency-Key",),
    )
    async def submit_batch(self, caller: Caller, key: IdempotencyKey, body: BatchRequest) -> Response:
        """Submit many jobs, all or none."""
        now = self.services.clock()
        batch = await self.services.submissions.of_batch(body, caller.tenant, key, now)
        submitted = await self.services.batches.submit(batch)
        for job in batch.jobs:
            self.services.metrics.accepted(job.kind, submitted.replayed)
        return accepted_reply(submitted, self.services.tokens, now)

    @operation(f"GET {_BATCH}", {200: Answer("The batch.", BatchDocument), **_BATCH_NOT_FOUND}, guard="batch")
    async def get_batch(self, caller: Caller, batch_id: BatchId) -> Response:
        """Get a batch."""
        return json_reply(await self.services.batches.batch(caller.tenant, batch_id))

    @operation(
        f"POST {_BATCH}/cancel",
        {
            200: Answer("The batch, completed by this.", BatchDocument),
            **_BATCH_NOT_FOUND,
            409: "already_finished",
        },
    )
    async def cancel_batch(self, caller: Caller, batch_id: BatchId) -> Response:
        """Cancel the jobs of a batch that have not ended."""
        document, jobs = await self.services.batches.cancel(caller.tenant, batch_id)
        self.services.metrics.cancelled(jobs)
        return json_reply(document)
