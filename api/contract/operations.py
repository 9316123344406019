"""The operations of the API as its contract lists them. A test checks that this table and the routes agree."""

from __future__ import annotations

from http import HTTPStatus

from api.contract import requests as schemas
from api.contract import responses as answers
from api.contract.operation import Answer, Operation
from api.contract.template_operations import TEMPLATE_OPERATIONS
from api.contract.webhook_operations import WEBHOOK_OPERATIONS

HEADERS = {
    "Accept": "`text/event-stream` for a stream.",
    "Last-Event-ID": "For a stream: the cursor after which to go on.",
    "Idempotency-Key": "1 to 255 printable ASCII characters. The same key and content again gives the same job.",
    "Prefer": "`wait=N`: hold the answer back for up to N seconds, at most 25, until the job is done (RFC 7240).",
    "If-None-Match": "An `ETag` you have; 304 while it is still right.",
    "If-Range": "The `ETag` of the part you have already.",
    "Range": "One range of bytes, such as `bytes=0-1023` or `bytes=-1024`.",
    "Location": "Where the job, batch or version is.",
    "Idempotent-Replayed": "`true` where an earlier request had made the job.",
    "Preference-Applied": "The preference that was followed.",
    "ETag": "Names this version.",
    "Content-Disposition": "The file name.",
    "Content-Range": "Which bytes these are.",
    "Content-Location": "Where the result stays.",
    "Pressrun-Warnings": "How many warnings `result.warnings` of the job lists, where there are any.",
}

_FILES = {"type": "string", "contentMediaType": "application/octet-stream"}
_DOCUMENT_UPLOAD = {
    "type": "object",
    "description": "One file named `index.html` or `index.md`, and the files that it refers to by relative name.",
    "properties": {
        "document": {"type": "string", "contentMediaType": "text/html"},
        "options": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["document"],
    "additionalProperties": _FILES,
}
_JOB_UPLOAD = {
    "type": "object",
    "description": "The job, as in `application/json`, and the files that its input refers to by their file names.",
    "properties": {"job": {"type": "string", "contentMediaType": "application/json"}},
    "required": ["job"],
    "additionalProperties": _FILES,
}
_ACCEPTED = Answer(
    "Accepted: written and queued before this answer was sent.",
    answers.AcceptedJob,
    headers=("Location", "Idempotent-Replayed"),
)
_ACCEPTED_AFTER_A_WAIT = Answer(
    _ACCEPTED.description,
    _ACCEPTED.model,
    headers=(*_ACCEPTED.headers, "Preference-Applied"),
)
_SUBMISSION_PROBLEMS = {
    400: "malformed_body",
    404: "template_not_found",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_input, idempotency_key_reused",
    429: "queue_full",
    503: "store_unavailable, store_full, check_unavailable",
}
_SOURCE_PROBLEMS = {404: "job_not_found", 409: "not_finished, job_not_succeeded", 410: "result_expired"}
"""Of jobs that the input refers to; `errors` say where."""
_NO_SUCH_JOB = {404: "job_not_found"}
_NO_SUCH_BATCH = {404: "batch_not_found"}
_RESULTS = ("application/pdf", "image/png", "image/webp", "application/zip", "*/*")
_FILE_HEADERS = ("ETag", "Content-Disposition")

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="POST",
        path="/v1/jobs",
        id="submitJob",
        summary="Submit a job",
        guard="key",
        body=schemas.JobRequest,
        upload=_JOB_UPLOAD,
        headers=("Idempotency-Key",),
        answers={202: _ACCEPTED},
        problems={**_SUBMISSION_PROBLEMS, **_SOURCE_PROBLEMS},
    ),
    Operation(
        method="GET",
        path="/v1/jobs",
        id="listJobs",
        summary="List jobs, newest first",
        guard="jobs",
        query=schemas.ListQuery,
        answers={200: Answer("A page of jobs.", answers.JobList)},
    ),
    Operation(
        method="GET",
        path="/v1/jobs/{job_id}",
        id="getJob",
        summary="Get a job, now or once it has changed",
        guard="job",
        query=schemas.WaitQuery,
        headers=("If-None-Match",),
        answers={
            200: Answer("The job.", answers.JobDocument, headers=("ETag",)),
            304: Answer("The version named in If-None-Match is still right.", headers=("ETag",)),
        },
        problems=_NO_SUCH_JOB,
    ),
    Operation(
        method="DELETE",
        path="/v1/jobs/{job_id}",
        id="deleteJob",
        summary="Delete a finished job with its input and result",
        guard="key",
        answers={204: Answer("Gone.")},
        problems={**_NO_SUCH_JOB, 409: "not_finished"},
    ),
    Operation(
        method="GET",
        path="/v1/jobs/{job_id}/result",
        id="getResult",
        summary="Download the result",
        guard="job",
        headers=("Range", "If-Range", "If-None-Match"),
        answers={
            200: Answer("The bytes.", media_types=_RESULTS, headers=_FILE_HEADERS),
            206: Answer(
                "A range of them.",
                media_types=_RESULTS,
                headers=(*_FILE_HEADERS, "Content-Range"),
            ),
            304: Answer("The result named in If-None-Match is still right.", headers=("ETag",)),
        },
        problems={
            **_NO_SUCH_JOB,
            409: "not_finished, job_not_succeeded",
            410: "result_expired",
            416: "range_not_satisfiable",
        },
    ),
    Operation(
        method="GET",
        path="/v1/jobs/{job_id}/events",
        id="listJobEvents",
        summary="List the events of a job, oldest first",
        guard="job",
        answers={200: Answer("What happened, as far as the log still has it.", answers.JobEvents)},
        problems=_NO_SUCH_JOB,
    ),
    Operation(
        method="POST",
        path="/v1/jobs/{job_id}/cancel",
        id="cancelJob",
        summary="Cancel a job",
        guard="key",
        answers={200: Answer("The cancelled job.", answers.JobDocument, headers=("ETag",))},
        problems={**_NO_SUCH_JOB, 409: "already_finished"},
    ),
    Operation(
        method="POST",
        path="/v1/jobs/{job_id}/retry",
        id="retryJob",
        summary="Run a finished job again, as a new one",
        description="It starts at once, belongs to no batch, and does not take over `timeout_seconds` or "
        "`expires_in_seconds`: each attempt may take PRESSRUN_RENDER_TIMEOUT.",
        guard="key",
        headers=("Idempotency-Key",),
        answers={202: _ACCEPTED},
        problems={
            **_NO_SUCH_JOB,
            409: "not_finished, input_gone",
            422: "invalid_input, idempotency_key_reused",
            429: "queue_full",
        },
    ),
    Operation(
        method="POST",
        path="/v1/batches",
        id="submitBatch",
        summary="Submit many jobs, all or none",
        guard="key",
        body=schemas.BatchRequest,
        headers=("Idempotency-Key",),
        answers={
            202: Answer(
                "Accepted: all jobs were written and queued before this answer was sent.",
                answers.AcceptedBatch,
                headers=("Location", "Idempotent-Replayed"),
            )
        },
        problems={**_SUBMISSION_PROBLEMS, **_SOURCE_PROBLEMS},
    ),
    Operation(
        method="GET",
        path="/v1/batches/{batch_id}",
        id="getBatch",
        summary="Get a batch",
        guard="batch",
        answers={200: Answer("The batch.", answers.BatchDocument)},
        problems=_NO_SUCH_BATCH,
    ),
    Operation(
        method="POST",
        path="/v1/batches/{batch_id}/cancel",
        id="cancelBatch",
        summary="Cancel the jobs of a batch that have not ended",
        guard="key",
        answers={200: Answer("The batch, completed by this.", answers.BatchDocument)},
        problems={**_NO_SUCH_BATCH, 409: "already_finished"},
    ),
    Operation(
        method="POST",
        path="/v1/pdf",
        id="renderPdf",
        summary="Turn a document into a PDF: the body is the document",
        guard="key",
        query=schemas.PdfQuery,
        documents=("text/html", "text/markdown"),
        upload=_DOCUMENT_UPLOAD,
        headers=("Idempotency-Key", "Prefer"),
        answers={
            200: Answer(
                "The PDF, where `Prefer: wait` was sent and it was done in time.",
                media_types=("application/pdf",),
                headers=(
                    *_FILE_HEADERS,
                    "Preference-Applied",
                    "Content-Location",
                    "Idempotent-Replayed",
                    "Pressrun-Warnings",
                ),
            ),
            202: _ACCEPTED_AFTER_A_WAIT,
        },
        problems={**_SUBMISSION_PROBLEMS, 422: "job_failed, invalid_input, idempotency_key_reused"},
    ),
    Operation(
        method="GET",
        path="/v1/events",
        id="listEvents",
        summary="Read the event log, page by page or as a stream",
        guard="events",
        query=schemas.EventsQuery,
        headers=("Accept", "Last-Event-ID"),
        answers={
            200: Answer(
                "A page of events, oldest first; or, asked for as `text/event-stream`, every event from now or after "
                "`Last-Event-ID` on: `id` is its cursor, `event` its type. `event: reset` where the cursor is too old.",
                answers.EventPage,
                media_types=("text/event-stream",),
            )
        },
        problems={410: "cursor_expired", 429: "too_many_connections"},
    ),
    Operation(
        method="POST",
        path="/v1/tokens",
        id="mintToken",
        summary="Make a short-lived token for a browser",
        guard="key",
        body=schemas.TokenRequest,
        answers={200: Answer("The token.", answers.TokenDocument)},
        problems={
            400: "malformed_body",
            413: "body_too_large",
            415: "unsupported_media_type",
            404: "job_not_found, batch_not_found",
        },
    ),
    *TEMPLATE_OPERATIONS,
    *WEBHOOK_OPERATIONS,
    Operation(
        method="GET",
        path="/healthz",
        id="liveness",
        summary="Whether this process answers",
        guard="open",
        answers={200: Answer("It does.", answers.HealthDocument)},
    ),
    Operation(
        method="GET",
        path="/readyz",
        id="readiness",
        summary="Whether this process can serve",
        guard="open",
        answers={
            200: Answer("It can.", answers.ReadinessDocument),
            503: Answer("The store is away, or the process is shutting down.", answers.ReadinessDocument),
        },
    ),
    Operation(
        method="GET",
        path="/metrics",
        id="metrics",
        summary="Counters for Prometheus",
        guard="key",
        answers={200: Answer("The text exposition format.", media_types=("text/plain",))},
    ),
)


def phrase(status: int) -> str:
    """Such as ``404 Not Found``."""
    return f"{status} {HTTPStatus(status).phrase}"
