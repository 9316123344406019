"""What went wrong with a job. An instance becomes the job's ``error``: its `code`, `message` and
`retryable`."""

from __future__ import annotations

from typing import ClassVar

from jobs.core.errors import PressrunError


class JobError(PressrunError):
    """A job did not succeed. `message` says what failed, why, and what to do; it is shown to the
    job's owner."""

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
    """The child process died without an answer (Pango or cairo crashed, or it was killed)."""

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
    """The document cannot be rendered without something that the fetch policy refuses."""

    code = "asset_forbidden"


class DocumentUnreachable(JobError):
    """The URL that the job names as its document could not be fetched."""

    code = "document_unreachable"
    retryable = True


class StrictWarnings(JobError):
    """The document was rendered with warnings, and the job asked to fail on any."""

    code = "strict_warnings"


class InputMissing(JobError):
    """The input of the job, or a file that came with it, is gone from the artifact store."""

    code = "input_missing"


class SourceGone(JobError):
    """This job was to work on the result of another one, which is gone since the submission."""

    code = "source_gone"


class SourceTooLarge(JobError):
    """The PDFs that the job was to work on are larger together than a job may take."""

    code = "source_too_large"


class PdfUnreadable(JobError):
    """A file that the job was to work on is no PDF, is cut short, or is damaged beyond repair."""

    code = "pdf_unreadable"


class PdfEncrypted(JobError):
    """A PDF that the job was to work on cannot be read, or may not be taken apart, without its
    password."""

    code = "pdf_encrypted"


class PageOutOfRange(JobError):
    """A PDF that the job was to work on has fewer pages than were asked for."""

    code = "page_out_of_range"


class UnknownKind(JobError):
    """The worker does not know the job's kind: a newer release submitted it, or a plug-in is not
    installed."""

    code = "unknown_kind"
    retryable = True


class WorkerLost(JobError):
    """The lease ran out too often: the worker or its machine dies whenever it runs this job."""

    code = "worker_lost"


class JobExpired(JobError):
    """The job did not start before its `expires_in_seconds` had passed."""

    code = "job_expired"
