"""`/v1/batches`: many jobs in one request. One event tells that all have ended."""

from __future__ import annotations

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Caller
from api.contract.answers import ACCEPTED, JOB_PROBLEMS
from api.contract.requests.batches import BatchRequest
from api.contract.responses.batches import AcceptedBatch, BatchDocument
from api.http.json_responses import json_reply
from api.http.operation import Answer, operation
from api.jobs.job_view import accepted_reply
from api.jobs.submission import IdempotencyKey, Submissions
from api.services import Services
from jobs.core.errors.request import BatchNotFound
from jobs.core.ids import is_batch_id

_BATCH = "/v1/batches/{batch_id}"
_BATCH_NOT_FOUND = {404: "batch_not_found"}


def _batch_id_of(request: Request) -> str:
    batch_id: str = request.path_params["batch_id"]
    if not is_batch_id(batch_id):
        raise BatchNotFound(batch_id[:64])
    return batch_id


BatchId = Annotated[str, _batch_id_of]


class BatchRoutes:
    def __init__(self, services: Services, submissions: Submissions) -> None:
        self._batches = services.batches
        self._tokens = services.tokens
        self._clock = services.clock
        self._metrics = services.metrics
        self._submissions = submissions

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
        now = self._clock()
        batch = await self._submissions.of_batch(body, caller.tenant, key, now)
        submitted = await self._batches.submit(batch)
        for job in batch.jobs:
            self._metrics.accepted(job.kind, submitted.replayed)
        return accepted_reply(submitted, self._tokens, now)

    @operation(f"GET {_BATCH}", {200: Answer("The batch.", BatchDocument), **_BATCH_NOT_FOUND}, guard="batch")
    async def get_batch(self, caller: Caller, batch_id: BatchId) -> Response:
        """Get a batch."""
        return json_reply(await self._batches.batch(caller.tenant, batch_id))

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
        return json_reply(await self._batches.cancel(caller.tenant, batch_id))
