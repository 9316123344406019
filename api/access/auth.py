"""Authenticates requests: by API key or token; without API keys, only local ones pass."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import Scope

from api.access.local_only import check_local
from api.http.query import peek_query
from jobs.core.errors.request import Forbidden, JobNotFound, Unauthenticated
from jobs.core.ids import is_job_id
from jobs.core.settings import LOCAL_TENANT, Settings
from jobs.core.tokens import Grant, Tokens

_BEARER = re.compile(rb"bearer +([\x21-\x7e]+) *\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client, which may do what the route does with the jobs of `tenant`."""

    tenant: str
    expires_at: float | None = None
    """When the permission ends (Unix seconds); None for API keys, which do not expire."""


Admission = Callable[[Scope], Caller | Awaitable[Caller]]
"""Authenticates a request before its handler runs; raises `Unauthenticated` or `Forbidden`."""

BatchOf = Callable[[str, str], Awaitable[str | None]]
"""Returns the batch of a job, by tenant and job id. Raises JobNotFound."""


class Authenticator:
    """Authenticates requests. Each endpoint names its guard: `by_…` or `to_…`."""

    def __init__(
        self, settings: Settings, tokens: Tokens, batch_of: BatchOf, clock: Callable[[], float]
    ) -> None:
        self._keys = [(hashlib.sha256(each.key.encode()).digest(), each.tenant) for each in settings.api_keys]
        self._operator_keys = [hashlib.sha256(key.encode()).digest() for key in settings.operator_keys]
        self._allowed_origins = frozenset(origin.encode() for origin in settings.allowed_origins)
        self._tokens = tokens
        self._batch_of = batch_of
        self._clock = clock
        self._local = Caller(LOCAL_TENANT)

    def check_origin(self, scope: Scope) -> None:
        """Refuses requests from elsewhere while there are no API keys. Applies to all routes."""
        if not self._keys:
            check_local(scope, self._allowed_origins)

    def by_key(self, scope: Scope) -> Caller:
        caller = self._holder_of_key(scope)
        if caller is None:
            self._grant(scope)  # an invalid token gets its own error
            raise Forbidden("A token may only read what it was made for. Use an API key for this.")
        return caller

    def by_operator(self, scope: Scope) -> Caller:
        """Admits operator keys; without API keys, everybody on this machine."""
        if self._keys and not self._holds_operator_key(scope):
            self.by_key(scope)  # an unknown key gets its own error
            raise Forbidden("This is about all tenants. Use a key of PRESSRUN_OPERATOR_KEYS.")
        return self._local

    def _holds_operator_key(self, scope: Scope) -> bool:
        digest = hashlib.sha256(_bearer(scope)).digest()
        return any(hmac.compare_digest(known, digest) for known in self._operator_keys)

    async def to_job(self, scope: Scope) -> Caller:
        """Admits API keys, and tokens for this job, its batch or all jobs."""
        if (caller := self._holder_of_key(scope)) is not None:
            return caller
        grant = self._grant(scope)
        job_id = scope["path_params"]["job_id"]
        batch_id = await self._batch_for(grant, job_id)
        return _reader(
            grant, job_id, batch_id, "This token is for something else. Use one for this job, or an API key."
        )

    async def _batch_for(self, grant: Grant, job_id: str) -> str | None:
        """Returns the batch of the job if the grant is for a batch.

        None if there is no such job: the caller cannot tell that from a job outside of the batch.
        """
        if grant.scope.batch_id is None or not is_job_id(job_id):
            return None
        try:
            return await self._batch_of(grant.tenant, job_id)
        except JobNotFound:
            return None

    def to_batch(self, scope: Scope) -> Caller:
        """Admits API keys, and tokens for the batch in the path or for all jobs."""
        batch_id = scope["path_params"]["batch_id"]
        refusal = "This token is for something else. Use one for this batch, or an API key."
        return self._holder_of_key(scope) or _reader(self._grant(scope), "", batch_id, refusal)

    def to_jobs(self, scope: Scope) -> Caller:
        """Admits API keys, and tokens for all jobs or for the batch in the query."""
        batch_id = peek_query(scope).get("batch_id")
        refusal = "This token is for other jobs. Name its batch, or use an API key."
        return self._holder_of_key(scope) or _reader(self._grant(scope), "", batch_id, refusal)

    def to_events(self, scope: Scope) -> Caller:
        """Admits API keys, and tokens for all jobs, or for the job or batch in the query."""
        asked = peek_query(scope)
        job_id, batch_id = asked.get("job_id", ""), asked.get("batch_id")
        refusal = "This token is for other events. Name its job or batch, or use an API key."
        return self._holder_of_key(scope) or _reader(self._grant(scope), job_id, batch_id, refusal)

    def _holder_of_key(self, scope: Scope) -> Caller | None:
        if not self._keys:
            return self._local
        digest = hashlib.sha256(_bearer(scope)).digest()
        tenant = None
        # Compares every key, so that the time taken does not tell which one was close.
        for known, owner in self._keys:
            if hmac.compare_digest(known, digest):
                tenant = owner
        return None if tenant is None else Caller(tenant)

    def _grant(self, scope: Scope) -> Grant:
        credential = _bearer(scope)
        if credential.count(b".") != 2:
            raise Unauthenticated("The API key is not valid here.")
        return self._tokens.verify(credential.decode("ascii"), self._clock())


def _reader(grant: Grant, job_id: str, batch_id: str | None, refusal: str) -> Caller:
    """Returns the holder of a token. Raises Forbidden if it covers neither job nor batch."""
    if not grant.scope.covers(job_id, batch_id):
        raise Forbidden(refusal)
    return Caller(grant.tenant, grant.expires_at)


def _bearer(scope: Scope) -> bytes:
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    match = _BEARER.match(found[0]) if len(found) == 1 else None
    if match is None:
        raise Unauthenticated("Send one API key or token: `Authorization: Bearer …`.")
    return match[1]
