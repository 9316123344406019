"""`/v1/jobs/{id}/result`: the bytes a job produced."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Caller
from api.contract.answers import FILE_HEADERS, JOB_NOT_FOUND
from api.http.operation import Answer, operation
from api.http.stored_file import stored_file
from api.jobs.job_view import JobId
from api.services import Services

_RESULTS = (
    *("application/pdf", "image/png", "image/webp", "application/zip"),
    *("text/plain", "application/json", "*/*"),
)


@dataclass(frozen=True)
class ResultRoutes:
    services: Services

    @operation(
        "GET /v1/jobs/{job_id}/result",
        {
            200: Answer("The bytes.", media_types=_RESULTS, headers=FILE_HEADERS),
            206: Answer("The range of them.", media_types=_RESULTS, headers=(*FILE_HEADERS, "Content-Range")),
            304: Answer("The result in `If-None-Match` is current.", headers=("ETag",)),
            **JOB_NOT_FOUND,
            409: "not_finished, job_not_succeeded",
            410: "result_expired",
            416: "range_not_satisfiable",
        },
        guard="job",
        headers=("Range", "If-Range", "If-None-Match"),
    )
    async def get_result(self, request: Request, caller: Caller, job_id: JobId) -> Response:
        """Download the result."""
        result = await self.services.store.result_of(caller.tenant, job_id)
        return await stored_file(self.services.artifacts, result, request)
