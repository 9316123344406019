"""The typed error, with its message, of a render that brought no result, and parts of messages.

Pure.
"""

from __future__ import annotations

import signal

from jobs.core.errors import job as errors
from jobs.core.errors.job import JobError
from jobs.render.protocol.limits import MIB

_REPORTED: dict[str, type[JobError]] = {
    kind.code: kind
    for kind in (
        errors.RenderFailed,
        errors.RenderOutOfMemory,
        errors.ResultTooLarge,
        errors.TemplateError,
        errors.AssetForbidden,
        errors.DocumentUnreachable,
        errors.DocumentRefused,
        errors.DocumentUnsupported,
        errors.PdfUnreadable,
        errors.PdfEncrypted,
        errors.PageOutOfRange,
        errors.FormInvalid,
        errors.StorageFailed,
        errors.InternalJobError,
    )
}


_PASSES = frozenset({408, 425, 429})
"""Statuses below 500 after which the same request may succeed: RFC 9110, RFC 8470, RFC 6585."""
_MAX_SHOWN_CHARACTERS = 100


def shown_url(url: str) -> str:
    """Returns `url` as messages about missing assets show it."""
    return url if len(url) <= _MAX_SHOWN_CHARACTERS else url[: _MAX_SHOWN_CHARACTERS - 1] + "…"


def reported_by_child(code: str, message: str, retry_after_s: int | None = None) -> JobError:
    """Returns the error that the child reports; `code` is one of `messages.FailureCode`."""
    return _REPORTED[code](message, retry_after_s=retry_after_s)


def document_not_fetched(message: str, status: int | None, retry_after_s: int | None) -> JobError:
    """Returns the error for a document whose server answered with `status`, or not (None)."""
    if status is None or status >= 500 or status in _PASSES:
        return errors.DocumentUnreachable(message, retry_after_s=retry_after_s)
    return errors.DocumentRefused(message)


def timed_out(timeout_ms: int) -> JobError:
    return errors.RenderTimeout(
        f"The document was not rendered within {timeout_ms / 1000:g} s. Make it simpler, or allow more time with "
        "timeout_seconds or PRESSRUN_RENDER_TIMEOUT."
    )


def out_of_memory(memory_bytes: int) -> JobError:
    return errors.RenderOutOfMemory(
        f"Rendering needed more than {memory_bytes // MIB} MiB of memory. Make the document or its images smaller, "
        "or raise PRESSRUN_RENDER_MEMORY_MB."
    )


def out_of_scratch(scratch_bytes: int) -> JobError:
    return errors.RenderFailed(
        f"Rendering wrote more than {scratch_bytes // MIB} MiB of temporary files. Use fewer or smaller fonts."
    )


def too_many_threads(threads: int) -> JobError:
    return errors.RenderFailed(f"Rendering started more than {threads} threads, which no document needs.")


def result_too_large(max_result_bytes: int) -> JobError:
    return errors.ResultTooLarge(
        f"The result is larger than {max_result_bytes // MIB} MiB. Make the document smaller."
    )


def unexpected_answer(error: Exception) -> JobError:
    return errors.RendererCrashed(f"The renderer was stopped because it sent something unexpected: {error}.")


def stopped() -> JobError:
    return errors.RendererCrashed("The renderer was stopped. The job can be run again.")


def child_died(exit_code: int, *, peak_bytes: int, memory_bytes: int) -> JobError:
    """Returns the error for a child that ended by itself.

    `exit_code` is as in `Process.returncode`; `peak_bytes` is the largest resident size seen.
    """
    if exit_code == -signal.SIGABRT and peak_bytes > memory_bytes * 3 // 4:
        return out_of_memory(memory_bytes)  # a C library that gets no memory aborts
    return errors.RendererCrashed(f"The renderer {how_it_ended(exit_code)} while it rendered this document.")


def how_it_ended(exit_code: int) -> str:
    """Returns how a process ended, for the middle of a sentence."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"
