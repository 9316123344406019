"""What the kinds that work on one PDF share: how it is checked, read and given to a child."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from jobs.core.job import Progress, Result
from jobs.kinds import Run, Runner, Schemas
from jobs.kinds.lookups import Lookups
from jobs.kinds.pdf.values import Strict
from jobs.kinds.sources import PdfSource, Sources, check_source, file_mismatches, stem
from jobs.kinds.validation import canonical
from jobs.render.protocol.messages import Request

if TYPE_CHECKING:
    from jobs.render.parent.pool import RenderOutcome, RenderPool


class OneSourceKind(ABC):
    """A kind whose input is one PDF. Implements `jobs.kinds.Pinning`."""

    name: str
    input: type[PdfSource] = PdfSource
    options: type[Strict]

    @abstractmethod
    def request(self, pdf: bytes, spec: Mapping[str, Any]) -> Request:
        """Returns what a render child is asked to do with `pdf`."""

    @abstractmethod
    def served_as(self, outcome: RenderOutcome, stem: str, options: Mapping[str, Any]) -> tuple[str, str]:
        """Returns the content type and the file name of the result.

        `stem` is the file name of the source, without folder and ``.pdf``.
        """

    def contradictions(self, source: Any, options: Any) -> list[dict[str, str]]:
        """Returns errors of a checked `source` with its options, which are None if invalid."""
        return []

    def schemas(self) -> Schemas:
        return Schemas(self.input, self.options)

    def canonical(self, input: Any, options: Any, files: Collection[str] = ()) -> dict[str, Any]:
        def extra_errors(source: PdfSource | None, options: Any) -> list[dict[str, str]]:
            if source is None:
                return []
            return file_mismatches({"/input": source}, files) + self.contradictions(source, options)

        return canonical((self.input, self.options), input, options, extra_errors)

    async def pin(self, spec: dict[str, Any], lookups: Lookups) -> dict[str, Any]:
        await check_source(spec, lookups)
        return spec

    def runner(self, pool: RenderPool) -> Runner:
        async def run(run: Run) -> Result:
            run.report(Progress(0, "fetching"))
            content, filename = await Sources(run).read(run.spec["input"])
            outcome = await pool.render(
                self.request(content, run.spec),
                tenant=run.claim.tenant,
                timeout_ms=run.timeout_ms,
                report=run.report,
            )
            content_type, name = self.served_as(outcome, stem(filename), run.spec["options"])
            return Result(
                body=outcome.body, content_type=content_type, filename=name, details=outcome.details
            )

        return run
