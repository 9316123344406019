"""The kind `pdf.merge`: joins results of jobs and uploaded PDFs to one PDF."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from jobs.core.job import Progress, Result
from jobs.kinds import Run, Runner, Schemas
from jobs.kinds.lookups import Lookups
from jobs.kinds.pdf.option_parts.finishing import Encryption, Watermark
from jobs.kinds.pdf.option_parts.sheets import Imposition, Split, Stamp, in_points
from jobs.kinds.pdf.options import Metadata
from jobs.kinds.pdf.values import Pages, ShortText, Strict, pdf_name
from jobs.kinds.sources import MAX_SOURCE_BYTES, PdfSource, Sources, check_results, file_mismatches, stem
from jobs.kinds.titles import file_name, with_title
from jobs.kinds.validation import canonical, problem
from jobs.render.protocol.messages import MediaType, MergePart, MergeRequest

if TYPE_CHECKING:
    from jobs.render.parent.pool import RenderPool

MAX_PARTS = 100
DEFAULT_FILENAME = "merged.pdf"


class Part(PdfSource):
    """A PDF, or some of its pages."""

    pages: Annotated[
        Pages | None, Field(description="Such as `1-3,5,8-`, in the order wanted. Default: all.")
    ] = None
    rotate: Annotated[
        Literal[90, 180, 270] | None, Field(description="Turns the pages by so many degrees, clockwise.")
    ] = None
    title: Annotated[
        ShortText | None,
        Field(description="The text of its bookmark. Default: its file name, without `.pdf`."),
    ] = None


class MergeInput(Strict):
    """What to put together, in this order."""

    parts: Annotated[list[Part], Field(min_length=1, max_length=MAX_PARTS)]


class MergeOptions(Strict):
    """How to put it together."""

    filename: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            description=f"Name of the PDF. Default: its title, or `{DEFAULT_FILENAME}`.",
        ),
        AfterValidator(lambda name: name and pdf_name(name)),
    ] = None
    bookmarks: Annotated[
        bool | None,
        Field(description="Each part has a bookmark, with its own below it; `false` leaves all out."),
    ] = None
    stamps: Annotated[
        list[Stamp] | None, Field(min_length=1, max_length=20, description="Page numbers and other texts.")
    ] = None
    imposition: Imposition | None = None
    split: Annotated[Split | None, Field(description="The result is a zip of PDFs then.")] = None
    metadata: Metadata | None = None
    encrypt: Encryption | None = None
    watermark: Watermark | None = None
    linearize: Annotated[bool | None, Field(description="Arrange the PDF for reading while it loads.")] = None

    def contradictions(self) -> list[dict[str, str]]:
        if self.split is None:
            return []
        found = []
        if self.imposition is not None:
            found.append(problem("/options/split", "sheets with several pages cannot be split"))
        if self.split.bookmarks and self.bookmarks is False:
            found.append(problem("/options/split/bookmarks", "there are none if bookmarks is false"))
        return found


class PdfMerge:
    """Implements `jobs.kinds.Pinning`."""

    name = "pdf.merge"

    def __init__(self, max_source_bytes: int = MAX_SOURCE_BYTES) -> None:
        self._max_source_bytes = max_source_bytes

    def schemas(self) -> Schemas:
        return Schemas(MergeInput, MergeOptions)

    def canonical(self, input: Any, options: Any, files: Collection[str] = ()) -> dict[str, Any]:
        def extra_errors(input: MergeInput | None, options: MergeOptions | None) -> list[dict[str, str]]:
            found = [] if options is None else options.contradictions()
            if input is None:
                return found
            parts = {f"/input/parts/{at}": part for at, part in enumerate(input.parts)}
            return found + file_mismatches(parts, files)

        spec = canonical((MergeInput, MergeOptions), input, options, extra_errors)
        spec["input"]["parts"] = [_stored(part) for part in spec["input"]["parts"]]
        return spec

    async def pin(self, spec: dict[str, Any], lookups: Lookups) -> dict[str, Any]:
        """Checks that the results exist. There is nothing to pin, because results never change."""
        parts = enumerate(spec["input"]["parts"])
        sources = ((at, _source(part)) for at, part in parts)
        job_ids = {f"/input/parts/{at}/job_id": each["job_id"] for at, each in sources if "job_id" in each}
        await check_results(lookups, job_ids, self._max_source_bytes)
        return spec

    def runner(self, pool: RenderPool) -> Runner:
        async def run(run: Run) -> Result:
            options = run.spec["options"]
            parts = await _parts(run, Sources(run, self._max_source_bytes))
            wanted: MediaType = "application/zip" if "split" in options else "application/pdf"
            request = MergeRequest(parts=parts, options=in_points(options), produces=(wanted,))
            outcome = await pool.render(
                request, tenant=run.claim.tenant, timeout_ms=run.timeout_ms, report=run.report
            )
            details = {**outcome.details, **with_title(options.get("metadata", {}).get("title"))}
            name = options.get("filename") or file_name(details.get("title"), DEFAULT_FILENAME)
            return Result(
                body=outcome.body,
                content_type=outcome.content_type,
                filename=f"{name[:-4]}.zip" if "split" in options else name,
                details=details,
            )

        return run


def _stored(part: dict[str, Any]) -> dict[str, Any]:
    """Returns a part as it is stored.

    A worker of a release before `rotate` finds no source in a part that has it. It fails, and the
    job is tried again, instead of leaving the pages as they are.
    """
    if "rotate" not in part:
        return part
    source = {name: part[name] for name in ("job_id", "file") if name in part}
    return {"source": source, **{name: part[name] for name in part if name not in source}}


def _source(part: dict[str, Any]) -> dict[str, Any]:
    source: dict[str, Any] = part.get("source", part)
    return source


async def _parts(run: Run, sources: Sources) -> list[MergePart]:
    run.report(Progress(0, "fetching"))
    parts = []
    for part in run.spec["input"]["parts"]:
        content, filename = await sources.read(_source(part))
        parts.append(
            MergePart(
                pdf=content,
                title=part.get("title", stem(filename)),
                pages=part.get("pages"),
                rotate=part.get("rotate", 0),
            )
        )
    return parts


PDF_MERGE = PdfMerge()
