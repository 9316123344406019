"""Submits a `pdf.render` job; answers with the job, or with the PDF if the client waits for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from api.contract.requests.jobs import JobRequest
from api.http.body import forget_body
from api.http.headers.prefer import preferred_wait
from api.http.stored_file import whole_file
from api.jobs.job_view import accepted_reply
from api.jobs.long_poll import changed_job
from api.jobs.submission import idempotency_key
from api.services import Services
from jobs.core.errors.request import JobFailed
from jobs.core.job import Job, JobStatus, Submitted


async def submit_pdf(
    services: Services,
    request: Request,
    wanted: JobRequest,
    tenant: str,
    files: Mapping[str, bytes] | None = None,
) -> Submitted:
    """Submits what the request asks for."""
    key = idempotency_key(request)
    submission = await services.submissions.of_request(wanted, tenant, key, services.clock(), files)
    submitted = await services.store.submit(submission)
    services.metrics.accepted(wanted.kind, submitted.replayed)
    return submitted


async def pdf_answer(services: Services, request: Request, submitted: Submitted) -> Response:
    """Answers 202 with the job; with `Prefer: wait=N` the PDF itself, if it is done by then.

    The caller keeps nothing of the body: it gives way to others while the request waits. Raises
    JobFailed if the request waited for the job, and the job ended without a PDF.
    """
    forget_body(request)
    store, waiters, metrics = services.store, services.waiters, services.metrics
    tenant, wait, now = submitted.tenant, preferred_wait(request.headers.get("prefer")), services.clock()
    if wait is None:
        return accepted_reply(submitted, services.tokens, now)
    with metrics.long_polls.track_inprogress():
        job = await changed_job(store, waiters, tenant, submitted.id, lambda job: job.is_terminal, wait)
    applied = f"wait={wait}"
    if not job.is_terminal:
        headers = ((b"preference-applied", applied.encode()),)
        current = dataclasses.replace(submitted, document=to_json(job.document))
        return accepted_reply(current, services.tokens, now, headers)
    if job.status is not JobStatus.SUCCEEDED:
        raise JobFailed(_reason(job), job.document, wait_seconds=wait, replayed=submitted.replayed)
    more = {"preference-applied": applied, "content-location": f"/v1/jobs/{job.id}/result"}
    if submitted.replayed:
        more["idempotent-replayed"] = "true"
    if warnings := job.document["result"].get("warnings"):
        more["pressrun-warnings"] = str(len(warnings))
    return await whole_file(services.artifacts, await store.result_of(tenant, job.id), more)


def _reason(job: Job) -> str:
    reason = job.document["error"]["message"] if job.document["error"] else f"It was {job.status}."
    return f"{job.id} has no result. {reason}"
