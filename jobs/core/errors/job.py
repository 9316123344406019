"""What went wrong with a job: the ``code``, ``message`` and ``retryable`` of its ``error``."""

from __future__ import annotations

from typing import ClassVar

from jobs.core.errors import PressrunError


class JobError(PressrunError):
    """A job did not succeed. `message` tells its owner what failed, why, and what to do."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s
        """How long the next attempt should wait at least, if the error is retryable."""


class InternalJobError(JobError, code="internal_error", retryable=True):
    """A fault on our side; details are in the worker's log."""


class RenderTimeout(JobError, code="render_timeout"):
    """The run took longer than it may (`timeout_seconds`), and was stopped."""


class RenderOutOfMemory(JobError, code="render_out_of_memory"):
    """The run needed more memory than `PRESSRUN_RENDER_MEMORY_MB`, and was stopped."""


class RendererCrashed(JobError, code="renderer_crashed", retryable=True):
    """The child process died without an answer (Pango or cairo crashed, or it was killed)."""


class RenderFailed(JobError, code="render_failed"):
    """The renderer refused the document with an error of its own."""


class TemplateError(JobError, code="template_error"):
    """The template cannot be filled with the data. The message has the line and the reason."""


class ResultTooLarge(JobError, code="result_too_large"):
    """The result has more bytes, pages or pixels than a result may have."""


class AssetForbidden(JobError, code="asset_forbidden"):
    """The document cannot be rendered without something that the fetch policy refuses."""


class DocumentUnreachable(JobError, code="document_unreachable", retryable=True):
    """The `url` of the document could not be fetched: its server does not answer, or with a status
    that passes, such as 429 or 503. The next attempt waits as long as its `Retry-After` says, up to
    an hour."""


class DocumentRefused(JobError, code="document_refused"):
    """The server of the `url` does not give the document: it answers with a status that another
    attempt would not change, such as 401, 403, 404 or 410, or with redirects without end."""


class DocumentUnsupported(JobError, code="document_unsupported"):
    """The `url` leads to something that is neither HTML nor Markdown."""


class SecretsUnreadable(JobError, code="secrets_unreadable", retryable=True):
    """The worker has no key that decrypts the credentials of the job (`PRESSRUN_SECRET_KEY`)."""


class StrictWarnings(JobError, code="strict_warnings"):
    """The document was rendered with warnings, and the job asked to fail on any."""


class StorageFailed(JobError, code="storage_failed", retryable=True):
    """The result could not be written, or the input not read, before the job's time was over: the
    place for documents and results is full, read-only or away."""


class InputMissing(JobError, code="input_missing"):
    """The input of the job, or a file that came with it, is gone from the artifact store."""


class SourceGone(JobError, code="source_gone"):
    """This job was to work on the result of another one, which is gone since the submission."""


class SourceTooLarge(JobError, code="source_too_large"):
    """The PDFs that the job was to work on are larger together than a job may take."""


class PdfUnreadable(JobError, code="pdf_unreadable"):
    """A file that the job was to work on is no PDF, is cut short, or is damaged beyond repair."""


class PdfEncrypted(JobError, code="pdf_encrypted"):
    """A PDF that the job was to work on cannot be read, or may not be taken apart, without its
    password."""


class PageOutOfRange(JobError, code="page_out_of_range"):
    """A PDF that the job was to work on has fewer pages than were asked for."""


class FormInvalid(JobError, code="form_invalid"):
    """The form of a PDF cannot be filled in as asked for: a field does not exist or cannot have its
    value, no font has a character, or there is no form. The message lists the fields."""


class UnknownKind(JobError, code="unknown_kind", retryable=True):
    """The worker does not know the job's kind: a newer release submitted it, or a plug-in is not
    installed."""


class WorkerLost(JobError, code="worker_lost"):
    """The lease ran out too often: the worker or its machine dies whenever it runs this job."""


class JobExpired(JobError, code="job_expired"):
    """The job did not start before its `expires_in_seconds` had passed."""
