"""`/v1/jobs/{id}/result`: the bytes a job produced."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.access.auth import Authenticator, Caller
from api.contract.requests import NoQuery
from api.http.endpoint import Resource
from api.http.query import read_query
from api.http.stored_file import StoredFiles
from api.jobs.job_view import job_id_of
from api.services import Services


class ResultRoutes:
    def __init__(self, services: Services, files: StoredFiles) -> None:
        self._store = services.store
        self._files = files

    def routes(self, auth: Authenticator) -> list[BaseRoute]:
        return [Resource("/v1/jobs/{job_id}/result", auth.to_job, GET=self.download)]

    async def download(self, request: Request, caller: Caller) -> Response:
        """The result, or the range of it that was asked for."""
        job_id = job_id_of(request)
        read_query(request.scope, NoQuery)
        return await self._files.reply(await self._store.result_of(caller.tenant, job_id), request)
