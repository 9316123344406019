"""`/v1/tokens`: short-lived permissions that a backend hands to its browsers."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from starlette.responses import Response

from api.access.auth import Caller
from api.contract.requests.tokens import TokenRequest
from api.contract.responses.tokens import TokenDocument
from api.http.json_responses import json_reply
from api.http.operation import Answer, operation
from api.services import Services
from jobs.core.errors.request import BatchNotFound, JobNotFound
from jobs.core.ids import is_batch_id, is_job_id
from jobs.core.tokens import Scope


@dataclass(frozen=True)
class TokenRoutes:
    services: Services

    @operation(
        "POST /v1/tokens", {200: Answer("The token.", TokenDocument), 404: "job_not_found, batch_not_found"}
    )
    async def mint_token(self, caller: Caller, body: TokenRequest) -> Response:
        """Make a short-lived token, such as for a browser."""
        if body.job_id is not None:
            if not is_job_id(body.job_id):
                raise JobNotFound(body.job_id)
            await self.services.store.get(caller.tenant, body.job_id)
        if body.batch_id is not None:
            if not is_batch_id(body.batch_id):
                raise BatchNotFound(body.batch_id)
            await self.services.batches.batch(caller.tenant, body.batch_id)
        scope = Scope(job_id=body.job_id, batch_id=body.batch_id, channel=body.channel)
        token, expires_at = self.services.tokens.mint(
            caller.tenant, scope, self.services.clock(), body.ttl_seconds
        )
        expires = datetime.datetime.fromtimestamp(expires_at, datetime.UTC)
        return json_reply(
            {
                "token": token,
                "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "url": self.services.settings.ws_url,
            }
        )
