"""What is wrong with a request. Each error becomes a problem document (RFC 9457) with its `status`
and `code`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from jobs.core.errors import PressrunError

MAX_REPORTED_ERRORS = 20
"""In one problem document."""


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
        """What is wrong in the body: JSON pointers (RFC 6901) with messages. By default one, to the
        whole body."""
        found: list[dict[str, str]] = self.extra.get("errors") or [{"pointer": "", "message": self.detail}]
        return found

    def below(self, pointer: str) -> Self:
        """Returns this error with `pointer` before its pointers, for a part of a larger body."""
        self.extra["errors"] = [{**each, "pointer": pointer + each["pointer"]} for each in self.errors]
        return self


class InvalidInput(RequestError):
    """The body was understood and does not fit. `errors` holds JSON pointers (RFC 6901) with
    messages."""

    code = "invalid_input"
    status = 422

    def __init__(self, detail: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail, **({"errors": errors} if errors else {}))

    @classmethod
    def at(cls, errors: Sequence[dict[str, str]]) -> Self:
        """Makes one error of everything that was found (at least one thing). The detail is about
        the first."""
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        detail = f"{first['pointer'] or 'The body'}: {first['message'].rstrip('.')}{more}."
        return cls(detail, list(errors[:MAX_REPORTED_ERRORS]))


def unknown_cursor() -> InvalidInput:
    """Returns the error for a cursor of a list that was never given out."""
    return InvalidInput(
        "The cursor is not one that an earlier answer gave.",
        [{"pointer": "/cursor", "message": "not a cursor of this list"}],
    )


def as_one(refusals: Sequence[RequestError]) -> RequestError:
    """Makes one error of the errors of several parts of a body: the first one, with the pointers of
    all."""
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
    """The token is for something else; or there are no API keys, and the request is not from this
    machine alone."""

    code = "forbidden"
    status = 403


class NotFound(RequestError):
    """There is nothing at this path."""

    code = "not_found"
    status = 404


class JobNotFound(NotFound):
    """Also raised for a job of another tenant, so that no tenant learns which ids exist."""

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
    """A template or its data could not be checked in time, through no fault of theirs.
    `retry_after` is in seconds."""

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
    """The cursor points before the oldest event kept, or into another epoch. `cursor` is where to
    go on."""

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
    """The tenant has `MAX_CONNECTIONS` WebSockets and event streams open. `retry_after` is in
    seconds."""

    code = "too_many_connections"
    status = 429
    retry_after: ClassVar[int] = 30
