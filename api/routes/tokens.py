"""`/v1/tokens`: short-lived permissions that a backend hands to its browsers."""

from __future__ import annotations

import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.access.auth import Authenticator, Caller
from api.contract.requests import NoQuery, TokenRequest
from api.http.body import read_json_body
from api.http.endpoint import Resource
from api.http.json_responses import json_reply
from api.http.problems import checked
from api.http.query import read_query
from api.services import Services
from jobs.core.errors.request import BatchNotFound, JobNotFound
from jobs.core.ids import is_batch_id, is_job_id
from jobs.core.tokens import Scope


class TokenRoutes:
    def __init__(self, services: Services) -> None:
        self._max_body_bytes = services.settings.max_body_bytes
        self._url = services.settings.ws_url
        self._store = services.store
        self._batches = services.batches
        self._tokens = services.tokens
        self._clock = services.clock

    def routes(self, auth: Authenticator) -> list[BaseRoute]:
        return [Resource("/v1/tokens", auth.by_key, POST=self.mint)]

    async def mint(self, request: Request, caller: Caller) -> Response:
        """A token for one job, for one batch and its jobs, or for all jobs of the tenant."""
        read_query(request.scope, NoQuery)
        wanted = checked(TokenRequest, await read_json_body(request, self._max_body_bytes))
        if wanted.job_id is not None:
            if not is_job_id(wanted.job_id):
                raise JobNotFound(wanted.job_id)
            await self._store.get(caller.tenant, wanted.job_id)
        if wanted.batch_id is not None:
            if not is_batch_id(wanted.batch_id):
                raise BatchNotFound(wanted.batch_id)
            await self._batches.batch(caller.tenant, wanted.batch_id)
        scope = Scope(job_id=wanted.job_id, batch_id=wanted.batch_id, channel=wanted.channel)
        token, expires_at = self._tokens.mint(caller.tenant, scope, self._clock(), wanted.ttl_seconds)
        expires = datetime.datetime.fromtimestamp(expires_at, datetime.UTC)
        return json_reply(
            {"token": token, "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ"), "url": self._url}
        )
