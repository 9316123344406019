"""The PDFs that a job works on: results of other jobs of its tenant, and uploaded files."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from jobs.core.errors.job import SourceTooLarge
from jobs.core.errors.request import InvalidInput, RequestError, as_one
from jobs.kinds import Run
from jobs.kinds.lookups import Lookups
from jobs.kinds.pdf.values import ShortText, Strict
from jobs.kinds.validation import problem
from jobs.store.results import has_result

MAX_SOURCE_BYTES = 128 * 1024**2
"""Size of all PDFs of one job: a worker holds them in memory on their way to the render child."""


class PdfSource(Strict):
    """A PDF: the result of a job that has succeeded, or an uploaded file."""

    job_id: Annotated[str | None, Field(max_length=64, description="A job with a PDF as its result.")] = None
    file: Annotated[ShortText | None, Field(description="Name of a file that came with the job.")] = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.job_id is None) == (self.file is None):
            raise ValueError("give either job_id or file")
        return self


def file_mismatches(sources: Mapping[str, PdfSource], files: Collection[str]) -> list[dict[str, str]]:
    """Returns errors for files named by `sources` (by pointer) but not uploaded, and vice versa."""
    named = {source.file for source in sources.values()}
    missing = [
        problem(f"{pointer}/file", f"no file named {source.file!r} came with the job")
        for pointer, source in sources.items()
        if source.file is not None and source.file not in files
    ]
    unused = [problem("/input", f"the file {name!r} is not used") for name in files if name not in named]
    return missing + unused


async def check_results(
    lookups: Lookups, job_ids: Mapping[str, str], max_bytes: int = MAX_SOURCE_BYTES
) -> None:
    """Checks that the results of these jobs, by the pointers to their ids, can be used.

    Raises JobNotFound, NotFinished, JobNotSucceeded, ResultExpired, and InvalidInput if one is not
    a PDF, or if they have more than `max_bytes` together.
    """
    found = await asyncio.gather(*(_result_bytes(lookups, *each) for each in job_ids.items()))
    refusals = [each for each in found if isinstance(each, RequestError)]
    if refusals:
        raise as_one(refusals)
    total = sum(each for each in found if isinstance(each, int))
    if total > max_bytes:
        message = f"these results have {total:,} bytes together, and may have {max_bytes:,}"
        raise InvalidInput(f"/input: {message}.", [problem("/input", message)])


async def check_source(spec: Mapping[str, Any], lookups: Lookups) -> None:
    """Checks that the one PDF that is the input of a job exists.

    There is nothing to pin, because results never change. Raises what `check_results` raises.
    """
    if "job_id" in spec["input"]:
        await check_results(lookups, {"/input/job_id": spec["input"]["job_id"]})


async def _result_bytes(lookups: Lookups, pointer: str, job_id: str) -> int | RequestError:
    """Returns the size of the job's result, or why it cannot be used."""
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
    """Reads the PDFs of one run, up to `max_bytes` in all."""

    def __init__(self, run: Run, max_bytes: int = MAX_SOURCE_BYTES) -> None:
        self._run = run
        self._max_bytes = max_bytes
        self._bytes_left = max_bytes

    async def read(self, source: Mapping[str, Any]) -> tuple[bytes, str]:
        """Returns a PDF and its file name. Raises SourceGone, SourceTooLarge."""
        if "job_id" in source:
            result = await self._run.result_of(source["job_id"], self._bytes_left)
            content, name = result.body, result.filename
        else:
            name = source["file"]
            content = self._run.files[name]
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            raise SourceTooLarge(f"All PDFs of one job may have {self._max_bytes:,} bytes together.")
        return content, name


def stem(filename: str) -> str:
    """Returns the name without folder and ``.pdf``: ``Invoice`` for ``2026/Invoice.pdf``."""
    name = filename.rpartition("/")[2]
    return (name[:-4] if name.lower().endswith(".pdf") else name) or filename
