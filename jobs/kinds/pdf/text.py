"""The kind `pdf.text`: reads the text of a PDF."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from jobs.core.job import Progress, Result
from jobs.kinds import Run, Runner, Schemas
from jobs.kinds.lookups import Lookups
from jobs.kinds.pdf.values import Pages, Strict
from jobs.kinds.sources import PdfSource, Sources, check_source, file_mismatches, stem
from jobs.kinds.validation import canonical
from jobs.render.protocol.messages import MediaType, TextRequest

if TYPE_CHECKING:
    from jobs.render.parent.pool import RenderPool

_TYPES: Mapping[str, MediaType] = {"text": "text/plain", "json": "application/json"}
_SERVED: Mapping[MediaType, tuple[str, str]] = {
    "text/plain": ("text/plain; charset=utf-8", "txt"),
    "application/json": ("application/json", "json"),
}
"""What the result is served as, and the extension of its file name."""


class TextOptions(Strict):
    """What to read, and in which form."""

    pages: Annotated[
        Pages | None,
        Field(description="Such as `1-3,5,8-`. Default: all."),
    ] = None
    format: Annotated[
        Literal["text", "json"] | None,
        Field(
            description="`text`: a form feed (U+000C) ends each page. `json`: the text of each page, and the "
            "fields of the form. Default: `text`."
        ),
    ] = None


class PdfText:
    """Implements `jobs.kinds.Pinning`."""

    name = "pdf.text"

    def schemas(self) -> Schemas:
        return Schemas(PdfSource, TextOptions)

    def canonical(self, input: Any, options: Any, files: Collection[str] = ()) -> dict[str, Any]:
        def extra_errors(source: PdfSource | None, _: TextOptions | None) -> list[dict[str, str]]:
            return [] if source is None else file_mismatches({"/input": source}, files)

        return canonical((PdfSource, TextOptions), input, options, extra_errors)

    async def pin(self, spec: dict[str, Any], lookups: Lookups) -> dict[str, Any]:
        await check_source(spec, lookups)
        return spec

    def runner(self, pool: RenderPool) -> Runner:
        async def run(run: Run) -> Result:
            run.report(Progress(0, "fetching"))
            content, filename = await Sources(run).read(run.spec["input"])
            options = run.spec["options"]
            wanted = _TYPES[options.get("format", "text")]
            request = TextRequest(pdf=content, options=options, produces=(wanted,))
            outcome = await pool.render(
                request, tenant=run.claim.tenant, timeout_ms=run.timeout_ms, report=run.report
            )
            content_type, extension = _SERVED[wanted]
            return Result(
                body=outcome.body,
                content_type=content_type,
                filename=f"{stem(filename)}.{extension}",
                details=outcome.details,
            )

        return run


PDF_TEXT = PdfText()
