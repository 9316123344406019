"""Explains the errors at which a document fails."""

from __future__ import annotations

import errno

from weasyprint.urls import FatalURLFetchingError, URLFetchingError

from jobs.core.errors.job import AssetForbidden, JobError, RenderFailed, RenderOutOfMemory, StorageFailed
from jobs.render.child.html.fetcher import FetchFailed
from jobs.render.protocol.failures import document_not_fetched

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def explained(error: BaseException) -> JobError:
    """Returns the error for the owner of the document.

    A note of `error` names the part that failed (`BaseException.add_note`).
    """
    if isinstance(error, JobError):
        return error
    if isinstance(error, MemoryError):
        return RenderOutOfMemory(
            "Rendering needed more memory than allowed. Make the document or its images smaller."
        )
    if isinstance(
        error, RecursionError | SyntaxError
    ):  # the latter from selectors, which are compiled to Python
        return RenderFailed("The document is nested too deeply.")
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return StorageFailed(
            "There was no room for the temporary files of the document (TMPDIR of the worker)."
        )
    if isinstance(error, FetchFailed):
        problem = error.problem
        if problem.code == "unreachable":
            return document_not_fetched(problem.message, problem.status, problem.retry_after_s)
        return AssetForbidden(problem.message)
    if isinstance(error, URLFetchingError | FatalURLFetchingError):
        return RenderFailed("Something that the document cannot do without could not be fetched.")
    place = next(iter(getattr(error, "__notes__", ())), "The document")
    if isinstance(error, ArithmeticError) or (isinstance(error, ValueError) and "to integer" in str(error)):
        return RenderFailed(
            f"{place} has a length or another number that is too large or too small to be drawn."
        )
    return RenderFailed(
        f"{place} has something that the renderer fails at. Leave parts of it out to find what it is."
    )
