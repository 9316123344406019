"""`pdf.render`: HTML, Markdown or a URL in, PDF out.

Submissions are validated here, in the web process: whatever `canonical` lets pass, the renderer understands.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from jobs.errors import InvalidInput, StrictWarnings
from jobs.job import Result
from jobs.kinds import Run, Runner, Schemas
from jobs.kinds.pdf_options import PdfInput, PdfOptions, problem
from jobs.render.messages import RenderRequest
from jobs.render.version import renderer_version

if TYPE_CHECKING:
    from jobs.render.pool import RenderPool

DEFAULT_FILENAME = "document.pdf"
T = TypeVar("T", bound=BaseModel)

_MAX_ERRORS = 50
_MAX_STRICT_WARNINGS_SHOWN = 10
_PLAIN_MESSAGES = {"model_type": "this must be an object", "extra_forbidden": "there is no such member"}
_NOT_IN_THE_PDF = frozenset({"filename", "strict", "cache"})
_HARMLESS = frozenset({"font_subsetting_slow"})
"""Warnings about the installation: `strict` is about the document."""


class PdfRender:
    """The kind; see `jobs.kinds.Kind`."""

    name = "pdf.render"

    def schemas(self) -> Schemas:
        return Schemas(PdfInput, PdfOptions)

    def canonical(self, input: Any, options: Any, files: Collection[str] = ()) -> dict[str, Any]:
        errors: list[dict[str, str]] = []
        checked_input = _validated(PdfInput, input, "/input", errors)
        checked_options = _validated(PdfOptions, {} if options is None else options, "/options", errors)
        if checked_options is not None:
            errors += checked_options.contradictions(files)
        if errors or checked_input is None or checked_options is None:
            raise InvalidInput(
                "The input or the options of this pdf.render job do not fit.", errors[:_MAX_ERRORS]
            )
        return {
            "input": checked_input.model_dump(exclude_none=True),
            "options": checked_options.model_dump(exclude_none=True, by_alias=True),
        }

    def runner(self, pool: RenderPool) -> Runner:
        async def run(run: Run) -> Result:
            options = run.spec["options"]
            result = await _recalled(run) or await _rendered(run, pool)
            if options.get("strict"):
                _refuse_warnings(result.details["warnings"])
            return dataclasses.replace(result, filename=options.get("filename", DEFAULT_FILENAME))

        return run


async def _recalled(run: Run) -> Result | None:
    """A copy of what the same document became before."""
    key = _reuse_key(run.spec)
    found = await run.recall(key) if key is not None else None
    return found and dataclasses.replace(found, details={**found.details, "cached": True})


async def _rendered(run: Run, pool: RenderPool) -> Result:
    outcome = await pool.render(_request(run), timeout_ms=run.timeout_ms, report=run.report)
    return Result(
        body=outcome.pdf,
        content_type="application/pdf",
        filename=DEFAULT_FILENAME,
        details={**outcome.details, "cached": False},
        reuse_key=_reuse_key(run.spec) if outcome.self_contained else None,
    )


def _reuse_key(spec: dict[str, Any]) -> str | None:
    """Digest of all that the PDF depends on; None where it can differ each time, or is wanted anew."""
    if "url" in spec["input"] or spec["options"].get("cache") is False:
        return None
    options = {name: value for name, value in spec["options"].items() if name not in _NOT_IN_THE_PDF}
    content = json.dumps([renderer_version(), spec["input"], options, spec.get("files")], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _request(run: Run) -> RenderRequest:
    ((format, document),) = run.spec["input"].items()
    return RenderRequest(format=format, document=document, options=run.spec["options"], files=run.files)


def _refuse_warnings(warnings: list[dict[str, str]]) -> None:
    meant = [warning for warning in warnings if warning["code"] not in _HARMLESS]
    if not meant:
        return
    shown = "; ".join(
        f"{warning['code']}: {warning['message']}" for warning in meant[:_MAX_STRICT_WARNINGS_SHOWN]
    )
    more = len(meant) - _MAX_STRICT_WARNINGS_SHOWN
    rest = f"; and {more} more" if more > 0 else ""
    raise StrictWarnings(f"The document has {len(meant)} warnings, and the job is strict: {shown}{rest}")


def _validated(model: type[T], value: Any, pointer: str, errors: list[dict[str, str]]) -> T | None:
    try:
        return model.model_validate(value)
    except ValidationError as failed:
        for error in failed.errors(include_url=False, include_context=False, include_input=False):
            message = _PLAIN_MESSAGES.get(error["type"], error["msg"].removeprefix("Value error, "))
            errors.append(problem(pointer + "".join(f"/{_escaped(part)}" for part in error["loc"]), message))
        return None


def _escaped(part: str | int) -> str:
    """One reference token of a JSON pointer (RFC 6901 section 3)."""
    return str(part).replace("~", "~0").replace("/", "~1")


PDF_RENDER = PdfRender()
