"""What is wrong with a request. Each error becomes a problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from jobs.core.errors import PressrunError

MAX_REPORTED_ERRORS = 20
"""In one problem document."""


class RequestError(PressrunError):
    """The caller asked for something that cannot be done."""

    code: ClassVar[str] = "bad_request"
    status: ClassVar[int] = 400
    retry_after: ClassVar[int | None] = None
    """Seconds."""

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra
        """Further members of the problem document (RFC 9457 section 3.2)."""

    @property
    def errors(self) -> list[dict[str, str]]:
        """JSON pointers (RFC 6901) into the body, with messages. By default one, to all of it."""
        found: list[dict[str, str]] = self.extra.get("errors") or [{"pointer": "", "message": self.detail}]
        return found

    def below(self, pointer: str) -> Self:
        """Returns this error with `pointer` before its pointers, for a part of a larger body."""
        self.extra["errors"] = [{**each, "pointer": pointer + each["pointer"]} for each in self.errors]
        return self


class InvalidInput(RequestError, code="invalid_input", status=422):
    """The body was understood and does not fit. `errors` say where (RFC 6901) and why."""

    def __init__(self, detail: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail, **({"errors": errors} if errors else {}))

    @classmethod
    def at(cls, errors: Sequence[dict[str, str]]) -> Self:
        """Makes one error of all that were found, at least one. The detail is about the first."""
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
    """Returns the first refusal of several parts of a body, with the pointers of all."""
    first, errors = refusals[0], [error for refusal in refusals for error in refusal.errors]
    if isinstance(first, InvalidInput):
        return InvalidInput.at(errors)
    first.extra["errors"] = errors[:MAX_REPORTED_ERRORS]
    return first


class MalformedBody(RequestError, code="malformed_body"):
    """There is no body, or it cannot be read as what it is announced to be."""


class UnsupportedMediaType(RequestError, code="unsupported_media_type", status=415):
    """The body is of a type, or in a charset, that this path does not take."""


class BodyTooLarge(RequestError, code="body_too_large", status=413):
    """The body is larger than `PRESSRUN_MAX_BODY_BYTES`."""


class BodyTimeout(RequestError, code="body_timeout", status=408):
    """The body came too slowly, or stopped."""


class MalformedRequest(RequestError, code="malformed_request"):
    """What was sent is not an HTTP/1.1 request. The connection is closed."""


class UriTooLong(RequestError, code="uri_too_long", status=414):
    """The URL is too long. The connection is closed."""


class HeadersTooLarge(RequestError, code="headers_too_large", status=431):
    """The headers are too many or too large. The connection is closed."""


class RequestTimeout(RequestError, code="request_timeout", status=408):
    """The headers did not arrive in time. The connection is closed."""


class TooManyFromAddress(RequestError, code="too_many_from_address", status=429, retry_after=5):
    """The address has `PRESSRUN_MAX_CONNECTIONS_PER_ADDRESS` connections open already. The
    connection is closed."""


class ServerBusy(RequestError, code="server_busy", status=503, retry_after=5):
    """The process has as many connections, or bodies that come in, as it can hold."""


class ShuttingDown(RequestError, code="shutting_down", status=503, retry_after=2):
    """The process ended before the request was done. Whether a write took effect is unknown."""

    def __init__(self) -> None:
        super().__init__(
            "This process is shutting down, and had no time to finish the request. Send it again."
        )


class RangeNotSatisfiable(RequestError, code="range_not_satisfiable", status=416):
    """The range lies outside the result. `size` is how many bytes that has."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The range lies outside the {size} bytes of the result.", size=size)
        self.size = size


class Unauthenticated(RequestError, code="unauthenticated", status=401):
    """An API key or a token is needed, and there is none that is known."""


class TokenInvalid(Unauthenticated, code="token_invalid"):
    """Not a token of ours: malformed, forged, or signed with a key that is no longer in force."""


class TokenExpired(Unauthenticated, code="token_expired"):
    """A token of ours whose time is over."""


class Forbidden(RequestError, code="forbidden", status=403):
    """The token is for something else; or there are no API keys, and the request is not from this
    machine alone."""


class NotFound(RequestError, code="not_found", status=404):
    """There is nothing at this path."""


class JobNotFound(NotFound, code="job_not_found"):
    """Also raised for a job of another tenant, so that no tenant learns which ids exist."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id!r}. It may have been deleted or have expired.")


class BatchNotFound(NotFound, code="batch_not_found"):
    """Also raised for a batch of another tenant."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"There is no batch {batch_id!r}. It may have expired.")


class WebhookEndpointNotFound(NotFound, code="webhook_endpoint_not_found"):
    """Also raised for an endpoint of another tenant."""

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"There is no webhook endpoint {endpoint_id[:64]!r}.")


class WebhookDeliveryNotFound(NotFound, code="webhook_delivery_not_found"):
    """Also raised for a delivery of another tenant."""

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"There is no webhook delivery {delivery_id[:64]!r}. It may have expired.")


class WebhookConflict(RequestError, code="webhook_conflict", status=409):
    """What was asked of an endpoint or delivery does not fit the state it is in."""


class TooManyWebhookEndpoints(RequestError, code="too_many_webhook_endpoints", status=409):
    """The tenant has `PRESSRUN_MAX_WEBHOOK_ENDPOINTS` already. Waiting does not help."""


class TemplateNotFound(NotFound, code="template_not_found"):
    """Also raised for a template of another tenant."""

    def __init__(self, name: str, version: int | None = None) -> None:
        which = "" if version is None else f"version {version} of "
        super().__init__(f"There is no {which}template {name[:64]!r}.")
        self.version = version


class TemplateLimit(RequestError, code="template_limit", status=409):
    """The tenant has as many templates, or the template as many versions, as there may be."""


class FontNotFound(NotFound, code="font_not_found"):
    """Also raised for a font of another tenant."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no font {name[:64]!r}.")


class FontLimit(RequestError, code="font_limit", status=409):
    """The tenant has as many fonts as there may be."""


class CheckUnavailable(RequestError, code="check_unavailable", status=503, retry_after=5):
    """A template, its data or a font could not be checked in time, through no fault of theirs."""


class NotFinished(RequestError, code="not_finished", status=409):
    """The job has not ended yet."""


class AlreadyFinished(RequestError, code="already_finished", status=409):
    """The job or batch has ended: there is nothing to cancel."""


class JobNotSucceeded(RequestError, code="job_not_succeeded", status=409):
    """The job ended without a result."""


class JobFailed(RequestError, code="job_failed", status=422):
    """A request that waited for a result learns that the job ended without one. Carries the job."""

    def __init__(self, detail: str, job: dict[str, Any], *, wait_seconds: int, replayed: bool) -> None:
        super().__init__(detail, job=job)
        self.wait_seconds = wait_seconds
        """How long it would have waited."""
        self.replayed = replayed
        """Whether an earlier request had made the job."""


class InputGone(RequestError, code="input_gone", status=409):
    """A retry was asked for, but the input of the job is no longer kept."""


class ResultExpired(RequestError, code="result_expired", status=410):
    """The result is not kept any more."""


class CursorExpired(RequestError, code="cursor_expired", status=410):
    """The cursor points before the oldest event kept, or into another epoch. `cursor` is where to
    go on."""

    def __init__(self, detail: str, cursor: str) -> None:
        super().__init__(detail, cursor=cursor)
        self.cursor = cursor


class IdempotencyKeyReused(RequestError, code="idempotency_key_reused", status=422):
    """The idempotency key came before, with other content."""


class QueueFull(RequestError, code="queue_full", status=429, retry_after=5):
    """The tenant has `PRESSRUN_MAX_QUEUED` jobs waiting already."""


class TenantBytesUsed(RequestError, code="tenant_bytes_used", status=429, retry_after=60):
    """The tenant keeps `PRESSRUN_MAX_TENANT_BYTES` of documents and results, or would. The members
    `used_bytes`, `max_bytes` and `requested_bytes` say how many."""


class TooManyConnections(RequestError, code="too_many_connections", status=429, retry_after=5):
    """The tenant has `PRESSRUN_MAX_CONNECTIONS` WebSockets and event streams open already."""
