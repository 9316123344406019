"""Answers and error codes that several operations have in common."""

from __future__ import annotations

from api.contract.responses.jobs import AcceptedJob
from api.http.operation import Answer

GONE = Answer("Gone.")
FILE_HEADERS = ("ETag", "Content-Disposition")
JOB_NOT_FOUND = {404: "job_not_found"}

ACCEPTED = Answer(
    "Accepted: the job was written and queued before this answer was sent.",
    AcceptedJob,
    headers=("Location", "Idempotent-Replayed"),
)
PDF_ANSWERS = {
    200: Answer(
        "The PDF, if `Prefer: wait` was sent and the job ended in time.",
        media_types=("application/pdf",),
        headers=(
            *FILE_HEADERS,
            "Preference-Applied",
            "Content-Location",
            "Idempotent-Replayed",
            "Pressrun-Warnings",
        ),
    ),
    202: Answer(ACCEPTED.description, ACCEPTED.model, headers=(*ACCEPTED.headers, "Preference-Applied")),
}

SUBMISSION_PROBLEMS = {
    404: "template_not_found",
    422: "invalid_input, idempotency_key_reused",
    429: "queue_full, tenant_bytes_used",
    503: "store_unavailable, store_full, store_evicts, artifacts_unavailable, check_unavailable",
}
JOB_PROBLEMS = {
    **SUBMISSION_PROBLEMS,
    404: "job_not_found",
    409: "not_finished, job_not_succeeded",
    410: "result_expired",
}
"""Of submissions whose input may refer to other jobs; `errors` say where."""
PDF_PROBLEMS = {**SUBMISSION_PROBLEMS, 422: "job_failed, invalid_input, idempotency_key_reused"}
