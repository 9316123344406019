"""A page of the corpus: where it is, what it exercises, and which warnings it must give."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jobs.kinds.pdf.render import PDF_RENDER
from jobs.render.parent.pool import RenderOutcome, RenderPool, RenderRequest

CORPUS = Path(__file__).parent
PAGES = CORPUS / "pages"
_FORMATS = {".html": "html", ".md": "markdown"}


@dataclass(frozen=True)
class CorpusPage:
    subject: str
    name: str
    exercises: str
    warnings: tuple[str, ...] = ()
    """Each is a code, or a code and a part of the message: ``css_ignored: filter``."""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.subject}/{self.name}"

    @cached_property
    def document(self) -> Path:
        """The file of the document, which may stand alone or in a folder with its files."""
        places = [PAGES / self.subject / f"{self.name}{suffix}" for suffix in _FORMATS]
        places += [PAGES / self.subject / self.name / f"index{suffix}" for suffix in _FORMATS]
        return next(place for place in places if place.exists())

    @property
    def format(self) -> str:
        return _FORMATS[self.document.suffix]

    @property
    def files(self) -> dict[str, bytes]:
        """The files that come with the document, by the names that it uses."""
        if self.document.stem != "index":
            return {}
        folder = self.document.parent
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path != self.document
        }

    async def render(self, pool: RenderPool) -> RenderOutcome:
        """Renders the page as a job does."""
        text, files = self.document.read_text("utf-8"), self.files
        spec = PDF_RENDER.canonical({self.format: text}, dict(self.options), files)
        request = RenderRequest(format=self.format, document=text, options=spec["options"], files=files)
        return await pool.render(request, tenant="corpus", timeout_ms=60_000, report=lambda progress: None)


def corpus() -> list[CorpusPage]:
    """Returns all pages, in the order of the index."""
    index = tomllib.loads((CORPUS / "index.toml").read_text("utf-8"))
    return [
        CorpusPage(
            subject=subject,
            name=name,
            exercises=entry["exercises"],
            warnings=tuple(entry.get("warnings", ())),
            options=entry.get("options", {}),
        )
        for subject, entries in index.items()
        for name, entry in entries.items()
    ]
