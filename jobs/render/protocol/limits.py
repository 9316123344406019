"""What a render may use, and how large its result may be. Pure.

`RenderLimits` is sent to the render child as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobs.core.settings import FetchMode, IsolationMode, Settings

MIB = 1024 * 1024
_RECYCLE_RESIDENT_BYTES = 384 * MIB

# Limits of `pdf.preview`: checked at submission, or in the child if they depend on the PDF.
MAX_PREVIEW_PAGES = 100
"""Pages in one job."""
MAX_PREVIEW_PIXELS = 40_000_000
"""Pixels in one picture."""
MAX_PREVIEW_WIDTH = 4096
DEFAULT_PREVIEW_WIDTH = 800
MAX_PREVIEW_DPI = 600

MAX_PIECES = 500
"""PDFs into which `pdf.merge` splits one."""

MAX_EXTRACTED_CHARACTERS = 10_000_000
"""Of `pdf.text`: ten long books. A small PDF may draw one text any number of times."""

# Limits of `pdf.fill`: the first in the child, the others at submission.
MAX_FORM_FIELDS = 10_000
"""Fields and widgets of one form. More are not made by people."""
MAX_FIELD_CHARACTERS = 20_000
MAX_SELECTED_OPTIONS = 1000

ASSET_PIECE_BYTES = MIB
"""An asset travels in pieces of this size. A piece is sent when the one before has arrived, so the
worker holds no more than one for each render."""
MAX_RETRY_AFTER_S = 86_400
"""A server that asks for a longer pause is taken to ask for this one. Attempts wait for less
(`jobs.core.job_backoff`)."""
MAX_TEXT_CHARACTERS = 2000
"""The length of a text from a fetch process. Its messages may quote what a server has sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """What a document may fetch, and how much."""

    mode: FetchMode = "public"
    egress_allow: tuple[str, ...] = ()
    max_requests: int = 500
    """Requests of one document, redirects included."""
    max_redirects: int = 5
    max_asset_bytes: int = 32 * MIB
    """Size of one asset after decompression."""
    max_total_bytes: int = 128 * MIB
    asset_seconds: float = 15.0
    """Time for one asset: name resolution, redirects and body."""
    total_seconds: float = 30.0
    grace_seconds: float = 5.0
    """A fetch process that is late by this much for one asset is stuck, and is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderLimits:
    """What one render child may use, and how long it lives."""

    memory_bytes: int = 1024 * MIB
    """Resident size at which a child is killed."""
    threads: int = 256
    """Threads at which a child is killed. Pango starts one for each search for a font."""
    scratch_bytes: int = 256 * MIB
    """Temporary files at which a child is killed: twice what a document may fetch."""
    max_result_bytes: int = 256 * MIB
    recycle_renders: int = 10_000
    """A child is replaced after this many documents."""
    recycle_resident_bytes: int = _RECYCLE_RESIDENT_BYTES
    """A child that still holds more than this after a document is replaced."""
    start_seconds: float = 60.0
    """A child that is not warm by then has failed to start."""
    exit_seconds: float = 1.0
    """A child that has closed its socket and has not ended by then is killed."""
    isolation: IsolationMode = "auto"
    fetch: FetchLimits = FetchLimits()

    @classmethod
    def from_settings(cls, settings: Settings) -> RenderLimits:
        memory_bytes = settings.render_memory_mb * MIB
        return cls(
            memory_bytes=memory_bytes,
            recycle_resident_bytes=min(_RECYCLE_RESIDENT_BYTES, memory_bytes * 3 // 4),
            isolation=settings.isolation,
            fetch=FetchLimits(mode=settings.fetch, egress_allow=settings.egress_allow),
        )
