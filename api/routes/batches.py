"""`/v1/batches`: many jobs in one request, accepted together and told of together."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.access.auth import Authenticator, Caller
from api.contract.requests import BatchRequest, NoQuery
from api.http.body import read_json_body
from api.http.endpoint import Resource
from api.http.json_responses import json_reply
from api.http.problems import checked
from api.http.query import read_query
from api.jobs.job_view import SUBSCRIPTION_SECONDS
from api.jobs.submission import Submissions, idempotency_key
from api.services import Services
from jobs.core.errors.request import BatchNotFound
from jobs.core.ids import is_batch_id
from jobs.core.tokens import Scope


class BatchRoutes:
    def __init__(self, services: Services, submissions: Submissions) -> None:
        self._max_body_bytes = services.settings.max_body_bytes
        self._batches = services.batches
        self._tokens = services.tokens
        self._clock = services.clock
        self._metrics = services.metrics
        self._submissions = submissions

    def routes(self, auth: Authenticator) -> list[BaseRoute]:
        return [
            Resource("/v1/batches", auth.by_key, POST=self.submit),
            Resource("/v1/batches/{batch_id}", auth.to_batch, GET=self.show),
            Resource("/v1/batches/{batch_id}/cancel", auth.by_key, POST=self.cancel),
        ]

    async def submit(self, request: Request, caller: Caller) -> Response:
        """202 and the batch, with all its jobs written and queued."""
        read_query(request.scope, NoQuery)
        key = idempotency_key(request)
        wanted = checked(BatchRequest, await read_json_body(request, self._max_body_bytes))
        now = self._clock()
        batch = await self._submissions.of_batch(wanted, caller.tenant, key, now)
        submitted = await self._batches.submit(batch)
        for job in batch.jobs:
            self._metrics.accepted(job.kind, submitted.replayed)
        batch_id = submitted.document["id"]
        token, _ = self._tokens.mint(caller.tenant, Scope(batch_id=batch_id), now, SUBSCRIPTION_SECONDS)
        headers = [(b"cache-control", b"no-store"), (b"location", f"/v1/batches/{batch_id}".encode())]
        if submitted.replayed:
            headers.append((b"idempotent-replayed", b"true"))
        subscription = {"token": token, "cursor": submitted.cursor}
        return json_reply({**submitted.document, "subscription": subscription}, 202, headers)

    async def show(self, request: Request, caller: Caller) -> Response:
        """The batch, and how many of its jobs have ended."""
        batch_id = _batch_id_of(request)
        read_query(request.scope, NoQuery)
        return json_reply(await self._batches.batch(caller.tenant, batch_id))

    async def cancel(self, request: Request, caller: Caller) -> Response:
        """200 and the completed batch: what had not ended is cancelled."""
        batch_id = _batch_id_of(request)
        read_query(request.scope, NoQuery)
        return json_reply(await self._batches.cancel(caller.tenant, batch_id))


def _batch_id_of(request: Request) -> str:
    batch_id: str = request.path_params["batch_id"]
    if not is_batch_id(batch_id):
        raise BatchNotFound(batch_id[:64])
    return batch_id
