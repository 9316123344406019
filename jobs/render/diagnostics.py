"""What WeasyPrint says while it works, as warnings with stable codes.

WeasyPrint logs one line for each thing it skips. The code comes from the line's template, which is fixed text in its
source, never from the formatted message, which holds text of the document.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

MAX_WARNINGS = 50
_MAX_MESSAGE_CHARACTERS = 500
_MAX_URL_CHARACTERS = 500

_LOGGER = logging.getLogger("weasyprint")

_BY_TEMPLATE: tuple[tuple[str, str], ...] = (
    ("Failed to load image", "image"),
    ("Failed to load stylesheet", "stylesheet"),
    ("Failed to load attachment", "attachment"),
    ("Unsupported stylesheet type", "stylesheet_unsupported"),
    ("Failed to load inline SVG", "image_undecodable"),
    ("Failed to render SVG image", "image_undecodable"),
    ("Unknown image mode", "image_undecodable"),
    ("Font-face %r cannot be loaded", "font_unavailable"),
    (".notdef glyph rendered", "glyph_missing"),
    ("Using fontTools instead of HarfBuzz-Subset", "font_subsetting_slow"),
    ("Please install HarfBuzz", "font_unsupported"),
    ("Relative URI reference without a base URI", "relative_url"),
    ("Malformed", "malformed_url"),
    ("No anchor", "anchor_missing"),
    ("Content discarded: target points to undefined anchor", "anchor_missing"),
    ("Anchor defined twice", "anchor_duplicate"),
    ("Missing required", "accessibility"),
    ('Image "%s" has no required alt', "accessibility"),
    ("Missing href in <link", "attachment_invalid"),
    ("Invalid date", "metadata_invalid"),
)
"""Beginnings of templates. `image`, `stylesheet` and `attachment` are completed by why the asset is missing."""

_BY_FOLDER: tuple[tuple[str, str], ...] = (
    ("/weasyprint/css/", "css_ignored"),
    ("/weasyprint/svg/", "svg_ignored"),
    ("/weasyprint/layout/", "layout_unsupported"),
    ("/weasyprint/formatting_structure/", "css_ignored"),
    ("/weasyprint/pdf/fonts", "font_unsupported"),
)


@dataclass(frozen=True, slots=True)
class FetchProblem:
    """Why an asset is missing."""

    code: str
    """``asset_forbidden``, ``asset_too_large``, ``fetch_limit`` or ``unreachable``."""
    message: str


class Diagnostics(logging.Handler):
    """Collects the warnings of one document: each once, and not more than `MAX_WARNINGS`."""

    def __init__(self, problems: Mapping[str, FetchProblem]) -> None:
        """`problems`: what the document's fetcher could not get, by URL; filled while the document is rendered."""
        super().__init__(logging.WARNING)
        self._problems = problems
        self._warnings: dict[tuple[str, str], dict[str, str]] = {}
        self._left_out = 0
        self._explained: set[str] = set()

    @contextmanager
    def collecting(self) -> Iterator[None]:
        _LOGGER.addHandler(self)
        try:
            yield
        finally:
            _LOGGER.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        code = _code(record)
        if code not in ("image", "stylesheet", "attachment"):
            key = code if code == "font_subsetting_slow" else record.getMessage()
            self._add(code, record.getMessage(), None, key)
            return
        url = _url(record.args)
        problem = self._problems.get(url or "")
        if url is None or problem is None:
            suffix = "undecodable" if code == "image" else "unreachable"
            self._add(f"{code}_{suffix}", record.getMessage(), url, record.getMessage())
            return
        self._explained.add(url)
        self._add_problem(code, url, problem)

    def finish(self) -> list[dict[str, str]]:
        """All warnings. Assets that are missing without a word from WeasyPrint (fonts) are among them."""
        for url, problem in self._problems.items():
            if url not in self._explained:
                self._add_problem("asset", url, problem)
        warnings = list(self._warnings.values())
        if self._left_out:
            warnings.append(
                {"code": "more_warnings", "message": f"There were {self._left_out} more warnings."}
            )
        return warnings

    def _add_problem(self, what: str, url: str, problem: FetchProblem) -> None:
        code = f"{what}_unreachable" if problem.code == "unreachable" else problem.code
        self._add(code, problem.message, url, url)

    def _add(self, code: str, message: str, url: str | None, key: str) -> None:
        if (code, key) in self._warnings:
            return
        if len(self._warnings) >= MAX_WARNINGS:
            self._left_out += 1
            return
        warning = {"code": code, "message": _shortened(message, _MAX_MESSAGE_CHARACTERS)}
        if url is not None:
            warning["url"] = _shortened(url, _MAX_URL_CHARACTERS)
        self._warnings[code, key] = warning


def _code(record: logging.LogRecord) -> str:
    template = str(record.msg)
    for beginning, code in _BY_TEMPLATE:
        if template.startswith(beginning):
            return code
    for folder, code in _BY_FOLDER:
        if folder in record.pathname:
            return code
    return "render_warning"


def _url(args: Any) -> str | None:
    return args[0] if isinstance(args, tuple) and args and isinstance(args[0], str) else None


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
