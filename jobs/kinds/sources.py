"""PDFs that a job works on: results of other jobs of its tenant, and files that came with it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from jobs.core.errors.job import SourceTooLarge
from jobs.core.errors.request import InvalidInput, RequestError, as_one
from jobs.kinds import Run
from jobs.kinds.lookups import Lookups
from jobs.kinds.pdf_options import problem
from jobs.kinds.pdf_values import ShortText, Strict
from jobs.store.results import has_result

MAX_SOURCE_BYTES = 128 * 1024**2
"""Of all that one job works on: a worker holds it in memory on its way to the render child."""


class PdfSource(Strict):
    """A PDF: the result of a job that has succeeded, or a file that came along."""

    job_id: Annotated[str | None, Field(max_length=64, description="A job with a PDF as its result.")] = None
    file: Annotated[ShortText | None, Field(description="Name of a file that came with the job.")] = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.job_id is None) == (self.file is None):
            raise ValueError("give either job_id or file")
        return self


def file_mismatches(sources: Mapping[str, PdfSource], files: Collection[str]) -> list[dict[str, str]]:
    """What is named and did not come along, and what came along and is not named; `sources` by their pointers."""
    named = {source.file for source in sources.values()}
    missing = [
        problem(f"{pointer}/file", f"no file named {source.file!r} came with the job")
        for pointer, source in sources.items()
        if source.file is not None and source.file not in files
    ]
    unused = [problem("/input", f"the file {name!r} is not used") for name in files if name not in named]
    return missing + unused


async def check_results(lookups: Lookups, job_ids: Mapping[str, str]) -> None:
    """Whether the results of these jobs, by the pointers to their ids, are there to be worked on.

    Raises:
        JobNotFound, NotFinished, JobNotSucceeded, ResultExpired: one is not.
        InvalidInput: one is no PDF, or together they are too large.
    """
    looked_at = await asyncio.gather(*(_look(lookups, *each) for each in job_ids.items()))
    refusals = [found for found in looked_at if isinstance(found, RequestError)]
    if refusals:
        raise as_one(refusals)
    total = sum(found for found in looked_at if isinstance(found, int))
    if total > MAX_SOURCE_BYTES:
        message = f"these results have {total:,} bytes together, and may have {MAX_SOURCE_BYTES:,}"
        raise InvalidInput(f"/input: {message}.", [problem("/input", message)])


async def _look(lookups: Lookups, pointer: str, job_id: str) -> int | RequestError:
    """How large the result of the job is, or why it will not do."""
    try:
        job = await lookups.job(job_id)
        result: dict[str, Any] = job.document["result"] or {}
        has_result(job_id, job.status, is_kept=result.get("url") is not None)
        if result["content_type"] != "application/pdf":
            raise InvalidInput(f"The result of {job_id} is {result['content_type']}, not a PDF.")
    except RequestError as error:
        return error.below(pointer)
    return int(result["bytes"])


class Sources:
    """Gets the PDFs of one run, no more of them than there is room for."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._room = MAX_SOURCE_BYTES

    async def read(self, source: Mapping[str, Any]) -> tuple[bytes, str]:
        """The PDF that a validated `PdfSource` names, and its file name. Raises SourceGone, SourceTooLarge."""
        if "job_id" in source:
            result = await self._run.result_of(source["job_id"], self._room)
            content, name = result.body, result.filename
        else:
            name = source["file"]
            content = self._run.files[name]
        self._room -= len(content)
        if self._room < 0:
            raise SourceTooLarge(f"All PDFs of one job may have {MAX_SOURCE_BYTES:,} bytes together.")
        return content, name


def stem(filename: str) -> str:
    """What people call the file: ``Invoice`` for ``2026/Invoice.pdf``."""
    name = filename.rpartition("/")[2]
    return (name[:-4] if name.lower().endswith(".pdf") else name) or filename
