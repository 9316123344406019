"""`/v1/jobs`: submit, look, wait, list, cancel, retry, delete."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.access.auth import Authenticator, Caller
from api.contract.requests import JobRequest, ListQuery, NoQuery, WaitQuery
from api.http.body import read_body, read_json_body
from api.http.endpoint import Resource
from api.http.headers import etags
from api.http.json_responses import REVALIDATE, items_reply, json_reply, not_modified
from api.http.problems import checked
from api.http.query import read_query
from api.http.strict_json import read_json
from api.http.upload import parse_job_upload
from api.jobs.job_view import accepted_reply, etag_of, job_id_of, job_reply
from api.jobs.long_poll import LongPoll
from api.jobs.submission import Submissions, idempotency_key, retry_of
from api.services import Services
from jobs.core.errors.request import NotFinished
from jobs.core.job import Job, JobStatus


class JobRoutes:
    """Handlers for jobs in general; results and `/v1/pdf` have files of their own."""

    def __init__(self, services: Services, submissions: Submissions, long_poll: LongPoll) -> None:
        self._max_body_bytes = services.settings.max_body_bytes
        self._store = services.store
        self._eventlog = services.eventlog
        self._tokens = services.tokens
        self._clock = services.clock
        self._metrics = services.metrics
        self._submissions = submissions
        self._long_poll = long_poll

    def routes(self, auth: Authenticator) -> list[BaseRoute]:
        return [
            Resource("/v1/jobs", auth.to_jobs, POST=self.submit, GET=self.list),
            Resource("/v1/jobs/{job_id}", auth.to_job, GET=self.show, DELETE=self.delete),
            Resource("/v1/jobs/{job_id}/events", auth.to_job, GET=self.events),
            Resource("/v1/jobs/{job_id}/cancel", auth.by_key, POST=self.cancel),
            Resource("/v1/jobs/{job_id}/retry", auth.by_key, POST=self.retry),
        ]

    async def submit(self, request: Request, caller: Caller) -> Response:
        """202 and the job, written and queued."""
        read_query(request.scope, NoQuery)
        key = idempotency_key(request)
        wanted, files = await self._read(request)
        now = self._clock()
        submission = await self._submissions.of_request(wanted, caller.tenant, key, now, files)
        submitted = await self._store.submit(submission)
        self._metrics.accepted(submission.kind, submitted.replayed)
        return accepted_reply(submitted, self._tokens, now)

    async def _read(self, request: Request) -> tuple[JobRequest, dict[str, bytes]]:
        """The job that is asked for, and the files that came with it."""
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            return checked(JobRequest, await read_json_body(request, self._max_body_bytes)), {}
        upload = await parse_job_upload(await read_body(request, self._max_body_bytes), request.headers)
        return checked(JobRequest, read_json(upload.job)), upload.files

    async def show(self, request: Request, caller: Caller) -> Response:
        """The job now, or once it has changed; 304 where the client has it already."""
        job_id = job_id_of(request)
        seconds = read_query(request.scope, WaitQuery).wait
        known = request.headers.get("if-none-match")

        def is_done(job: Job) -> bool:
            return job.is_terminal or (known is not None and not etags.matches(known, etag_of(job)))

        with self._metrics.long_polls.track_inprogress():
            job = await self._long_poll.job(caller.tenant, job_id, is_done, seconds)
        if etags.matches(known, etag_of(job)):
            return not_modified((REVALIDATE, (b"etag", etag_of(job).encode())))
        position = await self._store.position(job) if job.status is JobStatus.QUEUED else None
        return job_reply(job, position)

    async def list(self, request: Request, caller: Caller) -> Response:
        """A page of jobs, newest first."""
        query = read_query(request.scope, ListQuery)
        page = await self._store.page(
            caller.tenant,
            status=query.status,
            kind=query.kind,
            tag=query.tag,
            batch_id=query.batch_id,
            limit=query.limit,
            cursor=query.cursor,
        )
        return json_reply({"items": [job.document for job in page.items], "next_cursor": page.next_cursor})

    async def events(self, request: Request, caller: Caller) -> Response:
        """What happened to the job, oldest first, as far as the log still has it."""
        job_id = job_id_of(request)
        read_query(request.scope, NoQuery)
        return items_reply(await self._eventlog.of_job(caller.tenant, job_id))

    async def cancel(self, request: Request, caller: Caller) -> Response:
        """200 and the cancelled job."""
        job_id = job_id_of(request)
        read_query(request.scope, NoQuery)
        return job_reply(await self._store.cancel(caller.tenant, job_id))

    async def retry(self, request: Request, caller: Caller) -> Response:
        """202 and a new job that does what a finished one did."""
        job_id = job_id_of(request)
        read_query(request.scope, NoQuery)
        key = idempotency_key(request)
        job = await self._store.get(caller.tenant, job_id)
        if not job.is_terminal:
            raise NotFinished(f"{job_id} is {job.status}: it can be run again when it has finished.")
        spec = await self._store.spec_of(caller.tenant, job_id)
        files = await self._store.files_of(caller.tenant, job_id, spec)
        webhook_url = await self._store.webhook_url_of(caller.tenant, job_id)
        submitted = await self._store.submit(retry_of(job, spec, key, webhook_url, files))
        self._metrics.accepted(job.kind, submitted.replayed)
        return accepted_reply(submitted, self._tokens, self._clock())

    async def delete(self, request: Request, caller: Caller) -> Response:
        """204: record, input and result of a finished job are gone."""
        job_id = job_id_of(request)
        read_query(request.scope, NoQuery)
        await self._store.delete(caller.tenant, job_id)
        return Response(status_code=204)
