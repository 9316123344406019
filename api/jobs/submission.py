"""Makes a `Submission` of a checked request: the canonical spec of its kind, and a digest.

The digest covers what the caller sent. What the spec refers to (a job, a template) is looked up and
pinned after that, so that the same request always has the same digest. If the spec has secrets, the
digest needs a key, so that the store does not help to guess them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Annotated, Any

from starlette.requests import Request

from api.contract.requests.batches import BatchRequest
from api.contract.requests.jobs import DAY_SECONDS, MAX_SCHEDULE_DAYS, JobRequest
from api.http.strict_json import canonical_json
from jobs.core.egress import EgressError
from jobs.core.errors.request import InvalidInput, RequestError, as_one
from jobs.core.ids import new_batch_id, new_job_id
from jobs.core.job import BatchSubmission, Job, Priority, Submission
from jobs.kinds import Kind
from jobs.kinds.lookups import Lookups
from jobs.kinds.spec_secrets import SpecSecrets
from jobs.webhooks.destination import Destinations

_PARAMETERS_WITH_FILES = 3
"""`Kind.canonical` has three parameters if the kind takes files: input, options and files."""
_IDEMPOTENCY_KEY = re.compile(r"[!-~]([ -~]{0,253}[!-~])?\Z")


class Submissions:
    def __init__(
        self,
        kinds: Mapping[str, Kind],
        max_timeout_seconds: int,
        destinations: Destinations,
        lookups_of: Callable[[str], Lookups],
        secrets: SpecSecrets,
    ) -> None:
        """`lookups_of` returns what a kind may look up for a tenant."""
        self._kinds = kinds
        self._destinations = destinations
        self._max_timeout_seconds = max_timeout_seconds
        self._lookups_of = lookups_of
        self._secrets = secrets

    async def of_request(
        self,
        request: JobRequest,
        tenant: str,
        idempotency_key: str | None,
        now: float,
        files: Mapping[str, bytes] | None = None,
    ) -> Submission:
        """Makes a new job as `request` describes it, with `files` by name.

        Raises:
            InvalidInput: the kind is unknown or refuses its input, or members do not fit.
            RequestError: something that the input refers to does not exist or does not fit. With an
                idempotency key it becomes the submission's `refusal` instead, because an earlier
                request with the same key may have been accepted.
        """
        submission, spec = self._as_sent(request, tenant, idempotency_key, now, files or {})
        if idempotency_key is not None:
            digest = self._digest(_sent_content(submission, spec), spec)
            submission = dataclasses.replace(submission, content_digest=digest)
        return await self._pinned(submission, spec)

    async def _pinned(self, submission: Submission, spec: dict[str, Any]) -> Submission:
        """Pins what the `spec` refers to, if the kind does that (`jobs.kinds.Pinning`)."""
        pin = getattr(self._kinds[submission.kind], "pin", None)
        if pin is None:
            return submission
        try:
            pinned = await pin(spec, self._lookups_of(submission.tenant))
        except RequestError as error:
            if submission.idempotency_key is None:
                raise
            return dataclasses.replace(submission, refusal=error)
        if pinned is spec:
            return submission
        return dataclasses.replace(submission, spec=self._stored(pinned, submission.tenant))

    def _stored(self, spec: dict[str, Any], tenant: str) -> bytes:
        return canonical_json(self._secrets.stored(spec, tenant))

    def _digest(self, content: list[Any], *specs: dict[str, Any]) -> str:
        """Returns a digest of `content`, in which `specs` are."""
        has_secrets = any("secrets" in spec for spec in specs)
        return self._secrets.digest(canonical_json(content)) if has_secrets else _digest(content)

    def _as_sent(
        self,
        request: JobRequest,
        tenant: str,
        idempotency_key: str | None,
        now: float,
        files: Mapping[str, bytes],
    ) -> tuple[Submission, dict[str, Any]]:
        """Makes the job and its spec, with nothing looked up yet."""
        kind = self._kinds.get(request.kind)
        if kind is None:
            known = ", ".join(sorted(self._kinds))
            raise _invalid("/kind", f"should be one of: {known}")
        scheduled_at_ms = self._check_times(request, now)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        spec = _spec(kind, request, files, digests)
        submission = Submission(
            job_id=new_job_id(),
            tenant=tenant,
            kind=request.kind,
            spec=self._stored(spec, tenant),
            files={digests[name]: content for name, content in files.items()},
            priority=Priority(request.priority),
            scheduled_at_ms=scheduled_at_ms,
            expires_in_ms=_milliseconds(request.expires_in_seconds),
            max_attempts=request.max_attempts,
            timeout_ms=_milliseconds(request.timeout_seconds),
            metadata=request.metadata,
            tags=tuple(request.tags),
            webhook_url=self._check_webhook_url(request.webhook_url),
            idempotency_key=idempotency_key,
        )
        return submission, spec

    async def of_batch(
        self, request: BatchRequest, tenant: str, idempotency_key: str | None, now: float
    ) -> BatchSubmission:
        """Makes a new batch as `request` describes it.

        Raises InvalidInput if some jobs are not valid; pointers name them. What a job refers to and
        does not find raises RequestError or becomes the `refusal`, as in `of_request`.
        """
        webhook_url = self._check_webhook_url(request.webhook_url)
        batch_id = new_batch_id()
        jobs: list[tuple[Submission, dict[str, Any]]] = []
        refusals: list[RequestError] = []
        for number, wanted in enumerate(request.jobs):
            try:
                jobs.append(self._as_sent(wanted, tenant, None, now, {}))
            except InvalidInput as error:
                refusals.append(error.below(f"/jobs/{number}"))
        if refusals:
            raise as_one(refusals)
        content = [[_sent_content(*each) for each in jobs], request.metadata, webhook_url]
        pinned, refusal = await self._all_pinned(jobs)
        if refusal is not None and idempotency_key is None:
            raise refusal
        return BatchSubmission(
            batch_id=batch_id,
            tenant=tenant,
            jobs=tuple(dataclasses.replace(job, batch_id=batch_id) for job in pinned),
            metadata=request.metadata,
            webhook_url=webhook_url,
            idempotency_key=idempotency_key,
            content_digest=self._digest(content, *(spec for _, spec in jobs)) if idempotency_key else "",
            refusal=refusal,
        )

    async def _all_pinned(
        self, jobs: list[tuple[Submission, dict[str, Any]]]
    ) -> tuple[list[Submission], RequestError | None]:
        """Returns the jobs whose references were found, and one error for all others."""
        pinned: list[Submission] = []
        refusals: list[RequestError] = []
        for number, (job, spec) in enumerate(jobs):
            try:
                pinned.append(await self._pinned(job, spec))
            except RequestError as error:
                refusals.append(error.below(f"/jobs/{number}"))
        return pinned, as_one(refusals) if refusals else None

    def _check_webhook_url(self, url: str | None) -> str | None:
        if url is not None:
            try:
                self._destinations.check_url(url)
            except EgressError as error:
                raise _invalid("/webhook_url", str(error)) from None
        return url

    def _check_times(self, request: JobRequest, now: float) -> int | None:
        """Checks the times of the request, and returns `scheduled_at` in Unix milliseconds."""
        if request.timeout_seconds is not None and request.timeout_seconds > self._max_timeout_seconds:
            raise _invalid(
                "/timeout_seconds", f"should be at most {self._max_timeout_seconds} (PRESSRUN_RENDER_TIMEOUT)"
            )
        if request.scheduled_at is None:
            return None
        at = request.scheduled_at.timestamp()
        if at > now + MAX_SCHEDULE_DAYS * DAY_SECONDS:
            raise _invalid("/scheduled_at", f"should be at most {MAX_SCHEDULE_DAYS} days ahead")
        if request.expires_in_seconds is not None and at >= now + request.expires_in_seconds:
            raise _invalid(
                "/expires_in_seconds", "should reach beyond scheduled_at: the job could never start"
            )
        return int(at * 1000)


def _spec(
    kind: Kind, request: JobRequest, files: Mapping[str, bytes], digests: Mapping[str, str]
) -> dict[str, Any]:
    """Returns the spec for the kind. Files are identified by the digests of their content."""
    if not digests:
        return kind.canonical(request.input, request.options)
    takes_files: Any = kind
    if len(signature(takes_files.canonical).parameters) < _PARAMETERS_WITH_FILES:
        raise _invalid("/kind", f"{request.kind} takes no files")
    return {**takes_files.canonical(request.input, request.options, files), "files": digests}


def retry_of(
    job: Job,
    spec: bytes,
    idempotency_key: str | None,
    webhook_url: str | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Submission:
    """Makes a new job that repeats a finished one.

    It belongs to no batch, because the batch of the original is complete. It starts at once, with
    the default timeout.
    """
    document = job.document
    submission = Submission(
        job_id=new_job_id(),
        tenant=job.tenant,
        kind=job.kind,
        spec=spec,
        files=files or {},
        priority=Priority(document["priority"]),
        max_attempts=document["max_attempts"],
        metadata=document["metadata"],
        tags=tuple(document["tags"]),
        retry_of=job.id,
        webhook_url=webhook_url,
        idempotency_key=idempotency_key,
    )
    if idempotency_key is None:
        return submission
    return dataclasses.replace(submission, content_digest=_digest(_content(submission, spec)))


def _sent_content(submission: Submission, spec: dict[str, Any]) -> list[Any]:
    """Returns what the caller sent, with secrets in clear: sealed ones differ each time."""
    return _content(submission, canonical_json(spec) if "secrets" in spec else submission.spec)


def _content(submission: Submission, spec: bytes) -> list[Any]:
    return [
        submission.kind,
        spec.decode(),
        submission.priority,
        submission.scheduled_at_ms,
        submission.expires_in_ms,
        submission.max_attempts,
        submission.timeout_ms,
        submission.metadata,
        submission.tags,
        submission.batch_id,
        submission.retry_of,
        *([submission.webhook_url] if submission.webhook_url else []),
    ]


def _digest(content: list[Any]) -> str:
    return hashlib.sha256(canonical_json(content)).hexdigest()


def idempotency_key(request: Request) -> str | None:
    """Returns the `Idempotency-Key` header.

    Raises InvalidInput if it comes twice, or is not 1 to 255 printable ASCII characters.
    """
    keys = [value for name, value in request.scope["headers"] if name == b"idempotency-key"]
    if not keys:
        return None
    key: str = keys[0].decode("latin-1")
    if len(keys) > 1 or not _IDEMPOTENCY_KEY.match(key):
        raise InvalidInput("Idempotency-Key should come once, with 1 to 255 printable ASCII characters.")
    return key


IdempotencyKey = Annotated[str | None, idempotency_key]


def _milliseconds(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1000


def _invalid(pointer: str, message: str) -> InvalidInput:
    return InvalidInput.at([{"pointer": pointer, "message": message}])
