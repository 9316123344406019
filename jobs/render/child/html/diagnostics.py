"""Turns what WeasyPrint logs during a render into warnings with stable codes.

WeasyPrint logs a message for each thing that it skips. The code is found by the message's template,
which is fixed text in its source, and never by the formatted message, which has text of the
document.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from jobs.render.child.html.css.sources import css_source
from jobs.render.child.html.css.used_rules import UsedRules
from jobs.render.child.html.css.without_effect import is_without_effect
from jobs.render.child.warnings import Warnings, shortened
from jobs.render.protocol.messages import FetchCode
from jobs.render.protocol.warning_codes import WarningCode

_Asset = Literal["image", "stylesheet", "attachment"]

_UNREACHABLE: Mapping[_Asset | None, WarningCode] = {
    "image": "image_unreachable",
    "stylesheet": "stylesheet_unreachable",
    "attachment": "attachment_unreachable",
    None: "asset_unreachable",
}
_UNUSABLE: Mapping[_Asset, tuple[WarningCode, str]] = {
    "image": ("image_undecodable", "an image"),
    "stylesheet": ("stylesheet_unusable", "a stylesheet"),
}
_OBJECT = re.compile(r" ?<[^<>]* object at 0x[0-9a-f]+>")
"""A Python object, with its address in memory, in a message of a library."""

_POSITION = " at %d:%d"

_LOGGER = logging.getLogger("weasyprint")

_BY_TEMPLATE: tuple[tuple[str, WarningCode | _Asset], ...] = (
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
    ("Invalid or unsupported selector", "css_ignored"),
)
"""Code by the beginning of the template.

The code for an `image`, `stylesheet` or `attachment` also depends on why it is missing.
"""

_BY_FOLDER: tuple[tuple[str, WarningCode], ...] = (
    ("/weasyprint/css/", "css_ignored"),
    ("/weasyprint/svg/", "svg_ignored"),
    ("/weasyprint/layout/", "layout_unsupported"),
    ("/weasyprint/formatting_structure/", "css_ignored"),
    ("/weasyprint/pdf/fonts", "font_unsupported"),
)


@dataclass(frozen=True, slots=True)
class FetchProblem:
    """The reason why an asset is missing."""

    code: FetchCode
    message: str
    status: int | None = None
    """The HTTP status with which the server has answered."""
    retry_after_s: int | None = None
    """How long the server has asked to wait."""


class Diagnostics(logging.Handler):
    """Collects the warnings of one document."""

    def __init__(self, problems: Mapping[str, FetchProblem], internal_url: str | None = None) -> None:
        """`problems`, by URL, is filled by the fetcher while the document is rendered.

        Warnings show URLs below `internal_url` as relative ones.
        """
        super().__init__(logging.WARNING)
        self._problems = problems
        self._internal_url = internal_url
        self._warnings = Warnings(self._public)
        self._explained: set[str] = set()
        self.used_rules: UsedRules | None = None
        """With the document, CSS that is ignored is told only if it applies to something."""

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Ignores what WeasyPrint logs meanwhile: it lays out what it has logged about before."""
        _LOGGER.removeHandler(self)
        try:
            yield
        finally:
            _LOGGER.addHandler(self)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        _LOGGER.addHandler(self)
        try:
            yield
        finally:
            _LOGGER.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        code = _code(record)
        if code == "attachment":
            self._add_attachment(record.getMessage())
        elif code == "image" or code == "stylesheet":
            self._add_asset(code, *_failure(record))
        elif code == "font_subsetting_slow":  # the messages differ for each font, but mean the same
            self._warnings.add(code, record.getMessage(), key=code)
        elif not is_without_effect(record) and (self.used_rules is None or self.used_rules.concern(record)):
            message, key, line = _without_position(record)
            self._warnings.add(code, message, key=key, source=css_source(record), line=line)

    def add(
        self,
        code: WarningCode,
        message: str,
        *,
        key: Hashable = None,
        url: str | None = None,
        element: str | None = None,
        page: int | None = None,
    ) -> None:
        """Adds a warning that is not WeasyPrint's."""
        self._warnings.add(code, message, key=key, url=url, element=element, page=page)

    def _add_asset(self, what: _Asset, url: str, reason: str) -> None:
        problem = self._problems.get(url)
        if problem is not None:
            self._explained.add(url)
            self._add_problem(what, url, problem)
        else:  # it was fetched
            code, name = _UNUSABLE[what]
            message = f"{shortened(url, 100)} cannot be used as {name}: {reason}"
            self._warnings.add(code, message, key=url, url=url)

    def _add_attachment(self, message: str) -> None:
        for url, problem in self._problems.items():
            if problem.message in message:  # WeasyPrint does not log the URL
                self._explained.add(url)
                self._add_problem("attachment", url, problem)
                return
        self._warnings.add("attachment_unusable", message)

    def finish(self) -> Warnings:
        """Returns all warnings, also for missing assets that WeasyPrint does not log (fonts)."""
        for url, problem in self._problems.items():
            if url not in self._explained:
                self._add_problem(None, url, problem)
        return self._warnings

    def _add_problem(self, what: _Asset | None, url: str, problem: FetchProblem) -> None:
        code = _UNREACHABLE[what] if problem.code == "unreachable" else problem.code
        self._warnings.add(code, problem.message, key=url, url=url)

    def _public(self, text: str) -> str:
        text = _OBJECT.sub("", text)
        return text if self._internal_url is None else text.replace(self._internal_url, "")


def _code(record: logging.LogRecord) -> WarningCode | _Asset:
    template = str(record.msg)
    for beginning, code in _BY_TEMPLATE:
        if template.startswith(beginning):
            return code
    for folder, code in _BY_FOLDER:
        if folder in record.pathname:
            return code
    return "render_warning"


def _failure(record: logging.LogRecord) -> tuple[str, str]:
    """Returns the URL and the reason from a message about an asset."""
    if not isinstance(record.args, tuple) or len(record.args) != 2:
        return "", record.getMessage()
    url, error = record.args
    cause = error.__cause__ if isinstance(error, BaseException) else None
    return str(url), str(error) or str(cause or "it is not one, or damaged")


def _without_position(record: logging.LogRecord) -> tuple[str, Hashable, int | None]:
    """Returns the message without its line and column, a key for messages like it, and the line.

    A declaration that is ignored for the same reason as another of its property is like this one,
    whatever its value.
    """
    template, args = str(record.msg), record.args
    if not isinstance(args, tuple) or _POSITION not in template:
        return record.getMessage(), record.getMessage(), None
    index = template[: template.index(_POSITION)].count("%")
    line, _ = args[index : index + 2]
    before, after = args[:index], args[index + 2 :]
    template = template.replace(_POSITION, "")
    if template.startswith("Ignored `") and len(before) == 2:
        name, value = before
        message = template % (name, shortened(str(value).strip(), 100), *after)
        key: Hashable = (template, name, *after)
    else:
        message = key = template % (*(_rule_name(each) for each in before), *after)
    return message, key, line if isinstance(line, int) else None


def _rule_name(part: object) -> object:
    """Returns the name of a CSS rule instead of its Python object."""
    name = getattr(part, "at_keyword", None)
    return part if name is None else f"@{name}"
