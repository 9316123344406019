"""`/v1/jobs`: submit, look, wait, list, cancel, retry, delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from api.access.auth import Caller
from api.contract.answers import ACCEPTED, GONE, JOB_NOT_FOUND, JOB_PROBLEMS
from api.contract.requests.jobs import JobListQuery, JobRequest, WaitQuery
from api.contract.responses.events import JobEvents
from api.contract.responses.jobs import JobDocument, JobList
from api.http.body import BodyBounds, BodyFormat, read_json_body
from api.http.headers import etags
from api.http.json_responses import REVALIDATE, items_reply, json_reply
from api.http.operation import Answer, operation
from api.http.problems import checked
from api.http.strict_json import read_json
from api.http.upload.document import take_document
from api.http.upload.file_names import refused
from api.http.upload.reading import FILES_SCHEMA, ZIP_SCHEMA, read_form
from api.jobs.job_view import JobId, accepted_reply, etag_of, job_reply
from api.jobs.long_poll import changed_job
from api.jobs.submission import IdempotencyKey, retry_of
from api.services import Services
from jobs.core.errors.request import NotFinished
from jobs.core.job import Job, JobStatus
from jobs.kinds.pdf.render import PDF_RENDER

_JOB = "/v1/jobs/{job_id}"
_JOB_PART = "job"


SentJob = tuple[JobRequest, dict[str, bytes]]
"""A job, and its files by the names by which its input refers to them."""


async def _read_job(request: Request, bounds: BodyBounds) -> SentJob:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return checked(JobRequest, await read_json_body(request, bounds)), {}
    form = await read_form(request, bounds, body_field=_JOB_PART)
    if _JOB_PART not in form.fields:
        raise refused(f"exactly one part should be named {_JOB_PART}: the job, as JSON", "")
    job = checked(JobRequest, read_json(form.fields[_JOB_PART]))
    if job.kind == PDF_RENDER.name and job.input.keys() == {"index"} and isinstance(job.input["index"], str):
        # The files have the document.
        document = take_document(form.files, form.content_types, job.input["index"], "/input/index")
        job = job.model_copy(update={"input": document})
    return job, form.files


_UPLOAD = {
    "type": "object",
    "description": "The job, as in `application/json`, and the files that its input refers to by their file names.",
    "properties": {
        "job": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "The job. Every other field of the form is a file. The input of a `pdf.render` job can "
            "be `index` alone: the name of the file that is the document.",
        },
        "zip": ZIP_SCHEMA,
    },
    "required": ["job"],
    "additionalProperties": FILES_SCHEMA,
}
JobBody = Annotated[
    SentJob, BodyFormat({"application/json": JobRequest, "multipart/form-data": _UPLOAD}, _read_job)
]


@dataclass(frozen=True)
class JobRoutes:
    services: Services

    @operation("POST /v1/jobs", {202: ACCEPTED, **JOB_PROBLEMS}, headers=("Idempotency-Key",))
    async def submit_job(self, caller: Caller, key: IdempotencyKey, body: JobBody) -> Response:
        """Submit a job."""
        wanted, files = body
        now = self.services.clock()
        submission = await self.services.submissions.of_request(wanted, caller.tenant, key, now, files)
        submitted = await self.services.store.submit(submission)
        self.services.metrics.accepted(submission.kind, submitted.replayed)
        return accepted_reply(submitted, self.services.tokens, now)

    @operation("GET /v1/jobs", {200: Answer("A page of jobs.", JobList)}, guard="jobs")
    async def list_jobs(self, caller: Caller, query: JobListQuery) -> Response:
        """List jobs, newest first."""
        page = await self.services.store.page(caller.tenant, **dict(query))
        return json_reply({"items": [job.document for job in page.items], "next_cursor": page.next_cursor})

    @operation(
        f"GET {_JOB}",
        {
            200: Answer("The job.", JobDocument, headers=("ETag",)),
            304: Answer("The version in `If-None-Match` is current.", headers=("ETag",)),
            **JOB_NOT_FOUND,
        },
        guard="job",
        headers=("If-None-Match",),
    )
    async def get_job(self, request: Request, caller: Caller, job_id: JobId, query: WaitQuery) -> Response:
        """Get a job, now or once it has changed."""
        known = request.headers.get("if-none-match")

        def is_done(job: Job) -> bool:
            return job.is_terminal or (known is not None and not etags.matches(known, etag_of(job)))

        with self.services.metrics.long_polls.track_inprogress():
            store, waiters = self.services.store, self.services.waiters
            job = await changed_job(store, waiters, caller.tenant, job_id, is_done, query.wait)
        if etags.matches(known, etag_of(job)):
            headers = {"cache-control": REVALIDATE, "etag": etag_of(job)}
            return Response(status_code=304, headers=headers)
        position = await self.services.store.position(job) if job.status is JobStatus.QUEUED else None
        return job_reply(job, position)

    @operation(f"DELETE {_JOB}", {204: GONE, **JOB_NOT_FOUND, 409: "not_finished"})
    async def delete_job(self, caller: Caller, job_id: JobId) -> Response:
        """Delete a finished job with its input and result."""
        await self.services.store.delete(caller.tenant, job_id)
        return Response(status_code=204)

    @operation(
        f"GET {_JOB}/events",
        {200: Answer("The events that the log still has.", JobEvents), **JOB_NOT_FOUND},
        guard="job",
    )
    async def list_job_events(self, caller: Caller, job_id: JobId) -> Response:
        """List the events of a job, oldest first."""
        return items_reply(await self.services.eventlog.of_job(caller.tenant, job_id))

    @operation(
        f"POST {_JOB}/cancel",
        {
            200: Answer("The cancelled job.", JobDocument, headers=("ETag",)),
            **JOB_NOT_FOUND,
            409: "already_finished",
        },
    )
    async def cancel_job(self, caller: Caller, job_id: JobId) -> Response:
        """Cancel a job."""
        job = await self.services.store.cancel(caller.tenant, job_id)
        self.services.metrics.cancelled([(job.kind, job.document["priority"])])
        return job_reply(job)

    @operation(
        f"POST {_JOB}/retry",
        {
            202: ACCEPTED,
            **JOB_NOT_FOUND,
            409: "not_finished, input_gone",
            422: "invalid_input, idempotency_key_reused",
            429: "queue_full",
        },
        headers=("Idempotency-Key",),
    )
    async def retry_job(self, caller: Caller, job_id: JobId, key: IdempotencyKey) -> Response:
        """Run a job that failed or was cancelled again, as a new one.

        The input of a job that has succeeded is gone. The new job starts at once, belongs to no
        batch, and does not take over `timeout_seconds` or `expires_in_seconds`: each attempt may
        take PRESSRUN_RENDER_TIMEOUT.
        """
        store = self.services.store
        job = await store.get(caller.tenant, job_id)
        if not job.is_terminal:
            raise NotFinished(f"{job_id} is {job.status}: it can be run again when it has finished.")
        spec = await store.spec_of(caller.tenant, job_id)
        files = await store.files_of(caller.tenant, job_id, spec)
        webhook_url = await store.webhook_url_of(caller.tenant, job_id)
        submitted = await store.submit(retry_of(job, spec, key, webhook_url, files))
        self.services.metrics.accepted(job.kind, submitted.replayed)
        return accepted_reply(submitted, self.services.tokens, self.services.clock())
