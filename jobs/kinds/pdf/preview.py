"""The kind `pdf.preview`: draws pages of a PDF as pictures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from jobs.core.job import Progress, Result
from jobs.kinds import Run, Runner, Schemas
from jobs.kinds.lookups import Lookups
from jobs.kinds.pdf.values import Strict
from jobs.kinds.sources import PdfSource, Sources, check_source, file_mismatches, stem
from jobs.kinds.validation import canonical
from jobs.render.protocol import page_ranges
from jobs.render.protocol.limits import (
    DEFAULT_PREVIEW_WIDTH,
    MAX_PREVIEW_DPI,
    MAX_PREVIEW_PAGES,
    MAX_PREVIEW_WIDTH,
)
from jobs.render.protocol.messages import MediaType, PreviewRequest

if TYPE_CHECKING:
    from jobs.render.parent.pool import RenderPool

_PICTURES: Mapping[str, MediaType] = {"png": "image/png", "webp": "image/webp"}


def _as_text(pages: Any) -> Any:
    """Turns a list of pages into the text that means the same; returns anything else as it is."""
    if isinstance(pages, list) and pages and all(type(page) is int for page in pages):
        return ",".join(str(page) for page in pages)
    return pages


def _checked(pages: str) -> str:
    count = page_ranges.count(pages)
    if count is not None and count > MAX_PREVIEW_PAGES:
        raise ValueError(f"these are {count} pages, and one job draws at most {MAX_PREVIEW_PAGES}")
    return page_ranges.canonical(pages)


class PreviewOptions(Strict):
    """What to draw, and how large."""

    pages: Annotated[
        Annotated[str, Field(min_length=1, max_length=page_ranges.MAX_CHARACTERS), AfterValidator(_checked)]
        | None,
        Field(description="Such as `1-3,5,8-`, or a list of pages. Default: the first page."),
        BeforeValidator(_as_text, json_schema_input_type=str | list[int] | None),
    ] = None
    format: Annotated[
        Literal["png", "webp"] | None, Field(description="Format of the pictures. Default: `png`.")
    ] = None
    width: Annotated[
        int | None,
        Field(ge=1, le=MAX_PREVIEW_WIDTH, description=f"In pixels. Default: {DEFAULT_PREVIEW_WIDTH}."),
    ] = None
    dpi: Annotated[int | None, Field(ge=1, le=MAX_PREVIEW_DPI, description="Instead of a width.")] = None

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.width is not None and self.dpi is not None:
            raise ValueError("give either width or dpi")
        return self


class PdfPreview:
    """Implements `jobs.kinds.Pinning`."""

    name = "pdf.preview"

    def schemas(self) -> Schemas:
        return Schemas(PdfSource, PreviewOptions)

    def canonical(self, input: Any, options: Any, files: Collection[str] = ()) -> dict[str, Any]:
        def extra_errors(source: PdfSource | None, _: PreviewOptions | None) -> list[dict[str, str]]:
            return [] if source is None else file_mismatches({"/input": source}, files)

        return canonical((PdfSource, PreviewOptions), input, options, extra_errors)

    async def pin(self, spec: dict[str, Any], lookups: Lookups) -> dict[str, Any]:
        await check_source(spec, lookups)
        return spec

    def runner(self, pool: RenderPool) -> Runner:
        async def run(run: Run) -> Result:
            run.report(Progress(0, "fetching"))
            content, filename = await Sources(run).read(run.spec["input"])
            options = run.spec["options"]
            picture = _PICTURES[options.get("format", "png")]
            request = PreviewRequest(pdf=content, options=options, produces=(picture, "application/zip"))
            outcome = await pool.render(
                request, tenant=run.claim.tenant, timeout_ms=run.timeout_ms, report=run.report
            )
            return Result(
                body=outcome.body,
                content_type=outcome.content_type,
                filename=f"{stem(filename)}.{outcome.content_type.rpartition('/')[2]}",
                details=outcome.details,
            )

        return run


PDF_PREVIEW = PdfPreview()
