"""Performs the requests to a render child, and measures them."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jobs.render.child.html.progress_log import Emit, Step
from jobs.render.child.pdf.finishing import LAST_STEPS, finish
from jobs.render.child.pdf.forms.filling import fill
from jobs.render.child.pdf.merging import merge
from jobs.render.child.pdf.pages.layouts import side_count
from jobs.render.child.pdf.pages.splitting import split as split_pdf
from jobs.render.child.pdf.source_pdf import explaining
from jobs.render.child.pdf.zipping import zipped
from jobs.render.child.warnings import Warnings
from jobs.render.protocol import failures
from jobs.render.protocol.memory import PeakMemory
from jobs.render.protocol.messages import MediaType, MergePart
from jobs.render.protocol.warning_codes import WarningCode

if TYPE_CHECKING:
    from jobs.render.child.html.engine import Engine

Task = Callable[[dict[str, Any], bytes, Emit], "Product"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The result of a request."""

    body: bytes
    content_type: MediaType
    pages: int
    warnings: list[dict[str, Any]] = field(default_factory=list)
    warnings_omitted: Mapping[WarningCode, int] = field(default_factory=dict)
    title: str | None = None
    conformance: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Measured:
    product: Product
    render_ms: int
    peak_memory_bytes: int


class Tasks:
    """Performs requests, one after the other."""

    def __init__(self, engine: Engine, max_result_bytes: int, memory: PeakMemory) -> None:
        """`memory` has its files open, because a confined process cannot open them."""
        self._engine = engine
        self._max_result_bytes = max_result_bytes
        self._memory = memory
        self._by_type: Mapping[str, Task] = {
            "render": self._render,
            "merge": self._merge,
            "preview": self._preview,
            "fill": self._fill,
            "text": self._text,
        }

    def perform(self, request: dict[str, Any], body: bytes, emit: Emit) -> Measured:
        """Performs a request (`messages.Request`) and returns its result.

        Raises:
            JobError: it failed. The message is for the owner of the job.
        """
        started = time.monotonic()
        self._memory.reset()
        product = self._by_type[request["type"]](request, body, emit)
        if len(product.body) > self._max_result_bytes:
            raise failures.result_too_large(self._max_result_bytes)
        return Measured(product, round((time.monotonic() - started) * 1000), self._memory.read())

    def _render(self, request: dict[str, Any], body: bytes, emit: Emit) -> Product:
        *files, document = split(body, [size for _, size in request["files"]])
        names = [name for name, _ in request["files"]]
        rendered = self._engine.render(
            request["format"],
            document,
            request["options"],
            emit,
            dict(zip(names, files, strict=True)),
            request["data"],
            request["index"],
            request["fonts"],
        )
        return Product(
            body=rendered.pdf,
            content_type="application/pdf",
            pages=rendered.pages,
            warnings=rendered.warnings,
            warnings_omitted=rendered.warnings_omitted,
            title=rendered.title,
            conformance=rendered.conformance,
        )

    def _merge(self, request: dict[str, Any], body: bytes, emit: Emit) -> Product:
        wanted, options = request["parts"], request["options"]
        *pdfs, _ = split(body, [part["bytes"] for part in wanted])
        parts = [
            MergePart(pdf=pdf, title=part["title"], pages=part["pages"], rotate=part["rotate"])
            for part, pdf in zip(wanted, pdfs, strict=True)
        ]
        warnings = Warnings()
        merged = merge(
            parts,
            options,
            warn=warnings.add,
            advance=lambda done, pages: emit(Step(5 + 75 * done // len(parts), "merging", pages)),
        )
        emit(Step(80, "finishing", None))
        result, content_type = self._finished(merged.pdf, options, warnings, emit)
        listed, omitted = warnings.listed()
        return Product(
            body=result,
            content_type=content_type,
            pages=side_count(merged.pages, options["imposition"])
            if "imposition" in options
            else merged.pages,
            warnings=listed,
            warnings_omitted=omitted,
        )

    def _finished(
        self, pdf: bytes, options: dict[str, Any], warnings: Warnings, emit: Emit
    ) -> tuple[bytes, MediaType]:
        """Returns the merged PDF with all that was asked for, or a zip of its pieces."""
        last = {name: options[name] for name in LAST_STEPS if "split" in options and name in options}
        first = {name: value for name, value in options.items() if name not in last}
        with explaining("The whole"):  # a watermark can fail on pages of strange sizes
            pdf = finish(pdf, first, self._engine.layout, warnings.add)
            if "split" not in options:
                return pdf, "application/pdf"
            pieces = split_pdf(
                pdf,
                options,
                warn=warnings.add,
                advance=lambda done, wanted: emit(Step(80 + 19 * done // wanted, "splitting", None)),
                finish=lambda piece: finish(piece, last, self._engine.layout),
            )
            return zipped(pieces), "application/zip"

    def _preview(self, request: dict[str, Any], body: bytes, emit: Emit) -> Product:
        from jobs.render.child.pdf.preview import draw

        pictures = draw(
            body,
            request["options"],
            lambda done, wanted: emit(Step(5 + 90 * done // wanted, "drawing", done)),
        )
        return Product(body=pictures.body, content_type=pictures.content_type, pages=pictures.pages)

    def _fill(self, request: dict[str, Any], body: bytes, emit: Emit) -> Product:
        pdf, fields = split(body, [request["bytes"]])
        warnings = Warnings()
        filled = fill(
            pdf,
            json.loads(fields),
            request["options"],
            lay_out=self._engine.layout,
            warn=warnings.add,
            advance=lambda percent, stage: emit(Step(percent, stage, None)),
        )
        listed, omitted = warnings.listed()
        return Product(
            body=filled.pdf,
            content_type="application/pdf",
            pages=filled.pages,
            warnings=listed,
            warnings_omitted=omitted,
        )

    def _text(self, request: dict[str, Any], body: bytes, emit: Emit) -> Product:
        from jobs.render.child.pdf.text_extraction import extract

        warnings = Warnings()
        extracted = extract(
            body,
            request["options"],
            warn=warnings.add,
            advance=lambda done, wanted: emit(Step(5 + 90 * done // wanted, "reading", done)),
        )
        listed, omitted = warnings.listed()
        return Product(
            body=extracted.body,
            content_type=extracted.content_type,
            pages=extracted.pages,
            warnings=listed,
            warnings_omitted=omitted,
        )


def split(body: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Returns pieces of these sizes, and then the rest."""
    ends = [0, *itertools.accumulate(sizes)]
    return [*(body[start:end] for start, end in itertools.pairwise(ends)), body[ends[-1] :]]
