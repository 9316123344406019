"""Every error Pressrun raises on purpose.

Three branches: what is wrong with a *request* (`RequestError`, becomes a 4xx problem), what went wrong with a
*job* (`JobError`, becomes the job's ``error``) and what is wrong with the *store* (`StoreError`, becomes a 503).
The HTTP status lives here as data so that `api.http.problems` is the only place that turns errors into answers.
The first paragraph of a docstring is what `/docs` says about the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeVar

MAX_REPORTED_ERRORS = 20
"""In one problem document."""


class PressrunError(Exception):
    """Root of the tree. `code` is stable and documented; `str()` is a sentence for people."""

    code: ClassVar[str] = "internal_error"


_E = TypeVar("_E", bound=PressrunError)


def by_code(root: type[_E]) -> dict[str, type[_E]]:
    """Every code that `root` or an error below it brings, and that error. Errors of plug-ins are among them."""
    found: dict[str, type[_E]] = {}
    tree = [root]
    while tree:
        error = tree.pop(0)
        if "code" in vars(error):
            found.setdefault(error.code, error)
        tree += error.__subclasses__()
    return found


# --- requests -------------------------------------------------------------------------------------------------


class RequestError(PressrunError):
    """The caller asked for something that cannot be done.

    `status` is the HTTP status it becomes.
    """

    code: ClassVar[str] = "bad_request"
    status: ClassVar[int] = 400

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra
        """Further members of the problem document (RFC 9457 section 3.2)."""

    @property
    def errors(self) -> list[dict[str, str]]:
        """Where in the body it is wrong: JSON pointers (RFC 6901) with messages; one to the whole by default."""
        found: list[dict[str, str]] = self.extra.get("errors") or [{"pointer": "", "message": self.detail}]
        return found

    def below(self, pointer: str) -> Self:
        """This error, where what it is about is a part of the body that `pointer` leads to."""
        self.extra["errors"] = [{**each, "pointer": pointer + each["pointer"]} for each in self.errors]
        return self


class InvalidInput(RequestError):
    """The body was understood and does not fit. `errors` holds JSON pointers (RFC 6901) with messages."""

    code = "invalid_input"
    status = 422

    def __init__(self, detail: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail, **({"errors": errors} if errors else {}))

    @classmethod
    def at(cls, errors: Sequence[dict[str, str]]) -> Self:
        """For everything that was found, at least one thing; the detail is about the first."""
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        detail = f"{first['pointer'] or 'The body'}: {first['message'].rstrip('.')}{more}."
        return cls(detail, list(errors[:MAX_REPORTED_ERRORS]))


def unknown_cursor() -> InvalidInput:
    """For a page of a list that is asked for by a cursor which was never given out."""
    return InvalidInput(
        "The cursor is not one that an earlier answer gave.",
        [{"pointer": "/cursor", "message": "not a cursor of this list"}],
    )


def as_one(refusals: Sequence[RequestError]) -> RequestError:
    """One error for several parts of a body: the first one's, with the pointers of all."""
    first, errors = refusals[0], [error for refusal in refusals for error in refusal.errors]
    if isinstance(first, InvalidInput):
        return InvalidInput.at(errors)
    first.extra["errors"] = errors[:MAX_REPORTED_ERRORS]
    return first


class MalformedBody(RequestError):
    """There is no body, or it cannot be read as what it is announced to be."""

    code = "malformed_body"
    status = 400


class UnsupportedMediaType(RequestError):
    """The body is of a type, or in a charset, that this path does not take."""

    code = "unsupported_media_type"
    status = 415


class BodyTooLarge(RequestError):
    """The body is larger than `PRESSRUN_MAX_BODY_BYTES`."""

    code = "body_too_large"
    status = 413


class BodyTimeout(RequestError):
    """The client began a body and then sent nothing for too long."""

    code = "body_timeout"
    status = 408


class RangeNotSatisfiable(RequestError):
    """The range lies outside the result. `size` is how many bytes that has."""

    code = "range_not_satisfiable"
    status = 416

    def __init__(self, size: int) -> None:
        super().__init__(f"The range lies outside the {size} bytes of the result.", size=size)
        self.size = size


class Unauthenticated(RequestError):
    """An API key or a token is needed, and there is none that is known."""

    code = "unauthenticated"
    status = 401


class TokenInvalid(Unauthenticated):
    """Not a token of ours: malformed, forged, or signed with a key that is no longer in force."""

    code = "token_invalid"


class TokenExpired(Unauthenticated):
    """A token of ours whose time is over."""

    code = "token_expired"


class Forbidden(RequestError):
    """The token is for something else; or there are no API keys, and the request is not from this machine alone."""

    code = "forbidden"
    status = 403


class NotFound(RequestError):
    """There is nothing at this path."""

    code = "not_found"
    status = 404


class JobNotFound(NotFound):
    """Also raised for a job of another tenant: nobody learns that an id exists."""

    code = "job_not_found"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id!r}. It may have been deleted or have expired.")
        self.job_id = job_id


class BatchNotFound(NotFound):
    """Also raised for a batch of another tenant."""

    code = "batch_not_found"

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"There is no batch {batch_id!r}. It may have expired.")


class WebhookEndpointNotFound(NotFound):
    """Also raised for an endpoint of another tenant."""

    code = "webhook_endpoint_not_found"

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"There is no webhook endpoint {endpoint_id[:64]!r}.")


class WebhookDeliveryNotFound(NotFound):
    """Also raised for a delivery of another tenant."""

    code = "webhook_delivery_not_found"

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"There is no webhook delivery {delivery_id[:64]!r}. It may have expired.")


class WebhookConflict(RequestError):
    """What was asked of an endpoint or delivery does not fit the state it is in."""

    code = "webhook_conflict"
    status = 409


class TemplateNotFound(NotFound):
    """Also raised for a template of another tenant."""

    code = "template_not_found"

    def __init__(self, name: str, version: int | None = None) -> None:
        which = "" if version is None else f"version {version} of "
        super().__init__(f"There is no {which}template {name[:64]!r}.")
        self.version = version


class TemplateLimit(RequestError):
    """The tenant has as many templates, or the template as many versions, as there may be."""

    code = "template_limit"
    status = 409


class CheckUnavailable(RequestError):
    """A template or its data could not be checked in time, through no fault of theirs. `retry_after` is in seconds."""

    code = "check_unavailable"
    status = 503
    retry_after: ClassVar[int] = 5


class NotFinished(RequestError):
    """The job has not ended yet."""

    code = "not_finished"
    status = 409


class AlreadyFinished(RequestError):
    """The job or batch has ended: there is nothing to cancel."""

    code = "already_finished"
    status = 409


class JobNotSucceeded(RequestError):
    """The job ended without a result."""

    code = "job_not_succeeded"
    status = 409


class JobFailed(RequestError):
    """A request that waited for a result learns that the job ended without one. Carries the job."""

    code = "job_failed"
    status = 422

    def __init__(self, detail: str, job: dict[str, Any], *, wait_seconds: int, replayed: bool) -> None:
        super().__init__(detail, job=job)
        self.wait_seconds = wait_seconds
        """How long it would have waited."""
        self.replayed = replayed
        """Whether an earlier request had made the job."""


class InputGone(RequestError):
    """A retry was asked for, but the input of the job is no longer kept."""

    code = "input_gone"
    status = 409


class ResultExpired(RequestError):
    """The result is not kept any more."""

    code = "result_expired"
    status = 410


class CursorExpired(RequestError):
    """The cursor points before the oldest event kept, or into another epoch. `cursor` is where to go on."""

    code = "cursor_expired"
    status = 410

    def __init__(self, detail: str, cursor: str) -> None:
        super().__init__(detail, cursor=cursor)
        self.cursor = cursor


class IdempotencyKeyReused(RequestError):
    """The idempotency key came before, with other content."""

    code = "idempotency_key_reused"
    status = 422


class QueueFull(RequestError):
    """The tenant has `MAX_QUEUED` unfinished jobs waiting. `retry_after` is in seconds."""

    code = "queue_full"
    status = 429
    retry_after: ClassVar[int] = 5


class TooManyConnections(RequestError):
    """The tenant has `MAX_CONNECTIONS` WebSockets and event streams open. `retry_after` is in seconds."""

    code = "too_many_connections"
    status = 429
    retry_after: ClassVar[int] = 30


# --- jobs -----------------------------------------------------------------------------------------------------


class JobError(PressrunError):
    """A job did not succeed. `message` says what failed, why, and what to do; it is shown to the job's owner."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InternalJobError(JobError):
    """A fault on our side; details are in the worker's log."""

    code = "internal_error"
    retryable = True


class RenderTimeout(JobError):
    """The run took longer than it may (`timeout_seconds`), and was stopped."""

    code = "render_timeout"


class RenderOutOfMemory(JobError):
    """The run needed more memory than `PRESSRUN_RENDER_MEMORY_MB`, and was stopped."""

    code = "render_out_of_memory"


class RendererCrashed(JobError):
    """The child process died without an answer (Pango or cairo crashed, or somebody killed it)."""

    code = "renderer_crashed"
    retryable = True


class RenderFailed(JobError):
    """The renderer refused the document with an error of its own."""

    code = "render_failed"


class TemplateError(JobError):
    """The template cannot be filled with the data. The message has the line and the reason."""

    code = "template_error"


class ResultTooLarge(JobError):
    """The result has more bytes, pages or pixels than a result may have."""

    code = "result_too_large"


class AssetForbidden(JobError):
    """The document asked for something that the fetch policy refuses, where that is fatal."""

    code = "asset_forbidden"


class DocumentUnreachable(JobError):
    """The URL that the job names as its document could not be fetched."""

    code = "document_unreachable"
    retryable = True


class StrictWarnings(JobError):
    """The document was rendered, with warnings, and the job had asked for none."""

    code = "strict_warnings"


class InputMissing(JobError):
    """The input of the job, or a file that came with it, is gone from the artifact store."""

    code = "input_missing"


class SourceGone(JobError):
    """The result of another job that this one was to work on was there at submission, and is not any more."""

    code = "source_gone"


class SourceTooLarge(JobError):
    """All that the job was to work on is more than a render child is given."""

    code = "source_too_large"


class PdfUnreadable(JobError):
    """A PDF that the job was to work on is none, is cut short, or is damaged beyond repair."""

    code = "pdf_unreadable"


class PdfEncrypted(JobError):
    """A PDF that the job was to work on cannot be read, or may not be taken apart, without its password."""

    code = "pdf_encrypted"


class PageOutOfRange(JobError):
    """A PDF that the job was to work on has fewer pages than were asked for."""

    code = "page_out_of_range"


class UnknownKind(JobError):
    """The worker does not know the job's kind: a newer release submitted it, or a plug-in is not installed."""

    code = "unknown_kind"
    retryable = True


class WorkerLost(JobError):
    """The lease ran out too often: the worker or its machine dies whenever it runs this job."""

    code = "worker_lost"


class JobExpired(JobError):
    """The job did not start before its `expires_in_seconds` had passed."""

    code = "job_expired"


# --- store ----------------------------------------------------------------------------------------------------


class StoreError(PressrunError):
    """The store cannot serve this now. `retry_after` is in seconds."""

    status: ClassVar[int] = 503
    retry_after: ClassVar[int] = 2


class StoreUnavailable(StoreError):
    """Not reachable, not answering, loading, or failing over. Whether a write took effect is unknown."""

    code = "store_unavailable"


class StoreFull(StoreError):
    """Out of memory: nothing was written, unless it was sent before and that answer got lost."""

    code = "store_full"
    retry_after = 10


class ClusterRefused(PressrunError):
    """`REDIS_URL` names a cluster. Raised at start; nothing is served from one."""

    code = "cluster_refused"


# --- artifacts ------------------------------------------------------------------------------------------------


class ArtifactMissing(PressrunError):
    """There is no such artifact (any more)."""

    code = "artifact_missing"


class ArtifactTooLarge(PressrunError):
    """More bytes than the artifact store takes in one piece."""

    code = "artifact_too_large"


# --- claims ---------------------------------------------------------------------------------------------------


class ClaimLost(PressrunError):
    """The claim is not the current one any more: another worker has the job, or it was cancelled or deleted.

    Normal after a lost lease; the worker drops what it has and moves on.
    """

    code = "claim_lost"

    def __init__(self, job_id: str, claim: int) -> None:
        super().__init__(f"claim {claim} of {job_id} is no longer current")
        self.job_id = job_id
        self.claim = claim
