"""Builds answers with a job or batch: its document, plus what is true at this moment only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic_core import to_json
from starlette.requests import Request

from api.http.headers import etags
from api.http.json_responses import NO_STORE, REVALIDATE, JsonReply, json_reply
from jobs.core.errors.request import JobNotFound, RequestError
from jobs.core.ids import is_batch_id, is_job_id
from jobs.core.job import Job, Submitted
from jobs.core.tokens import Scope, Tokens

SUBSCRIPTION_SECONDS = 3600


def id_in_path(
    name: str, is_id: Callable[[str], bool], not_found: Callable[[str], RequestError]
) -> Callable[[Request], str]:
    """Returns a reader of the path parameter `name`, which raises `not_found` if it is no id."""

    def read(request: Request) -> str:
        text: str = request.path_params[name]
        if not is_id(text):
            raise not_found(text[:64])
        return text

    return read


JobId = Annotated[str, id_in_path("job_id", is_job_id, JobNotFound)]


def etag_of(job: Job) -> str:
    """Returns a weak tag: progress and the position in the queue change without a new version."""
    return etags.weak(job.version)


def job_reply(job: Job, position: int | None = None) -> JsonReply:
    """Answers 200 with the job, and its position in the queue if it has one."""
    document = job.document if position is None else {**job.document, "queue": {"position": position}}
    return json_reply(
        document, headers=((b"cache-control", REVALIDATE.encode()), (b"etag", etag_of(job).encode()))
    )


def accepted_reply(
    submitted: Submitted, tokens: Tokens, now: float, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> JsonReply:
    """Answers 202 with the job or batch, and a token and cursor to follow it."""
    if is_batch_id(submitted.id):
        scope, path = Scope(batch_id=submitted.id), "/v1/batches/"
    else:
        scope, path = Scope(job_id=submitted.id), "/v1/jobs/"
    token, _ = tokens.mint(submitted.tenant, scope, now, SUBSCRIPTION_SECONDS)
    subscription = to_json({"token": token, "cursor": submitted.cursor})
    body = b"".join([submitted.document[:-1], b',"subscription":', subscription, b"}"])
    if submitted.replayed:
        headers = (*headers, (b"idempotent-replayed", b"true"))
    location = (b"location", (path + submitted.id).encode())
    return JsonReply(body, 202, (NO_STORE, location, *headers))
