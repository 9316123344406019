"""Parses each stylesheet once in a render child, if the result is the same as parsing it again.

Parsing is most of the work for a small document with a large stylesheet. WeasyPrint parses a
stylesheet to a matcher, which depends on the text, the base URL and the media type, and never
changes. The matcher can be used again unless the stylesheet also uses objects of its document, as
``@font-face``, ``@counter-style``, ``@color-profile``, ``@layer`` and ``@import`` do. So a new
stylesheet is parsed with stand-ins for these objects, which raise when they are used. If one
raises, the stylesheet is parsed anew for each document, as plain WeasyPrint does. ``@page`` rules
and logged warnings of a kept stylesheet are stored with it and repeated for each document.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import tinycss2.bytes
import weasyprint
import weasyprint.css
from weasyprint.css.tokens import Pending
from weasyprint.urls import select_source

from jobs.render.child.html.css.sources import CssSources

MAX_SOURCE_BYTES = 2 * 1024 * 1024
"""Size of all kept stylesheets as text. Parsed, they need some thirty times as much memory."""
_MAX_NOT_REUSABLE = 1000
"""How many stylesheets are known as not reusable."""
_MAX_RECORDS = 2000
"""A stylesheet that logs more warnings than this is parsed anew each time."""

_LOGGER = logging.getLogger("weasyprint")
_PROGRESS = logging.getLogger("weasyprint.progress")
_CSS = weasyprint.CSS

Key = tuple[bytes, str | None, str, tuple[float, float] | None]


class _Touched(BaseException):
    """The stylesheet used an object of its document."""


class _Untouchable:
    """Takes the place of an object of the document, and raises when it is used."""

    def __init__(self) -> None:
        self.was_touched = False

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        self.was_touched = True
        raise _Touched

    def __getattr__(self, name: str) -> NoReturn:
        self._refuse()

    __call__ = __contains__ = __getitem__ = __iter__ = __len__ = __setitem__ = _refuse


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A kept stylesheet."""

    matcher: Any
    page_rules: list[Any]
    records: list[logging.LogRecord]
    pending: list[Pending]
    """Values with ``var()``. Each logs an error only once, so they are reset for each document."""
    source_bytes: int


class StylesheetCache:
    """Replaces `weasyprint.CSS` while a document is laid out."""

    def __init__(
        self, sources: CssSources | None = None, *, max_source_bytes: int = MAX_SOURCE_BYTES
    ) -> None:
        """`sources` is told which stylesheet is being read."""
        self._sources = sources or CssSources()
        self._max_source_bytes = max_source_bytes
        self._source_bytes = 0
        self._parsed: OrderedDict[Key, _Parsed] = OrderedDict()
        self._not_reusable: OrderedDict[Key, None] = OrderedDict()
        self.hits = 0
        self.grew = False
        """Set when a stylesheet is added; `Engine.tidy_up` clears it."""

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Makes WeasyPrint parse ``<style>`` and ``<link>`` with this cache."""
        weasyprint.css.CSS = self.css  # type: ignore[assignment, attr-defined]
        try:
            yield
        finally:
            weasyprint.css.CSS = _CSS  # type: ignore[attr-defined]

    def css(
        self,
        *,
        url: str | None = None,
        string: str | None = None,
        source: str | None = None,
        **arguments: Any,
    ) -> weasyprint.CSS:
        """Returns the stylesheet that `weasyprint.CSS` makes from the same arguments.

        `source` names it in warnings; by default that is its URL or its ``<style>`` element.

        Raises:
            URLFetchingError: it could not be fetched from `url`.
        """
        if source is None:
            source = self._sources.next_style_element(string or "") if url is None else url
        with self._sources.reading(source):
            return self._css(source, url=url, string=string, **arguments)

    def _css(self, name: str, *, url: str | None, string: str | None, **arguments: Any) -> weasyprint.CSS:
        if arguments.get("matcher") is not None:  # an @import, part of a stylesheet that is not kept
            return _CSS(url=url, **arguments)
        _PROGRESS.info("Step 2 - Fetching and parsing CSS - %s", url or "CSS string")
        check_type = arguments.pop("_check_mime_type", False)
        base_url = arguments.pop("base_url", None)
        with select_source(
            url=url,
            string=string,
            base_url=base_url,
            url_fetcher=arguments["url_fetcher"],
            check_css_mime_type=check_type,
        ) as (file, base_url, protocol_encoding, _):
            source = file.read()
        if isinstance(source, bytes):
            source, _ = tinycss2.bytes.decode_stylesheet_bytes(source, protocol_encoding)
        return self._of_text(name, source, base_url, arguments)

    def _of_text(
        self, name: str, text: str, base_url: str | None, arguments: dict[str, Any]
    ) -> weasyprint.CSS:
        media = arguments["media_type"]
        content = text.encode("utf-8", "surrogatepass")
        key = hashlib.sha256(content).digest(), base_url, media, getattr(media, "page", None)
        parsed = self._parsed.get(key)
        if parsed is not None:
            self._parsed.move_to_end(key)
            self.hits += 1
        elif key not in self._not_reusable and len(content) <= self._max_source_bytes:
            parsed = self._add(key, text, len(content))
        if parsed is None:
            sheet = _CSS(string=text, base_url=base_url, **arguments)
            self._sources.note_pending(_pending(sheet), name)
            return sheet
        self._sources.note_pending(parsed.pending, name)
        return _for_document(parsed, base_url, arguments.get("page_rules"), arguments.get("layers"))

    def _add(self, key: Key, text: str, source_bytes: int) -> _Parsed | None:
        parsed = _parse(text, key[1], key[2], source_bytes)
        if parsed is None:
            self._not_reusable[key] = None
            if len(self._not_reusable) > _MAX_NOT_REUSABLE:
                self._not_reusable.popitem(last=False)
            return None
        self._parsed[key] = parsed
        self._source_bytes += source_bytes
        while self._source_bytes > self._max_source_bytes:
            _, oldest = self._parsed.popitem(last=False)
            self._source_bytes -= oldest.source_bytes
        self.grew = True
        return parsed


class _Recorder(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def _parse(text: str, base_url: str | None, media: str, source_bytes: int) -> _Parsed | None:
    """Returns the parsed stylesheet, or None if it uses objects of its document."""
    document = _Untouchable()
    recorder = _Recorder()
    page_rules: list[Any] = []
    handlers, _LOGGER.handlers, propagate, _LOGGER.propagate = (
        _LOGGER.handlers,
        [recorder],
        _LOGGER.propagate,
        False,
    )
    try:
        sheet = _CSS(
            string=text,
            base_url=base_url,
            media_type=media,
            page_rules=page_rules,
            url_fetcher=document,
            font_config=document,
            counter_style=document,
            color_profiles=document,
            layers=document,
        )
    except _Touched:
        return None
    finally:
        _LOGGER.handlers, _LOGGER.propagate = handlers, propagate
    if document.was_touched or len(recorder.records) > _MAX_RECORDS:
        return None
    return _Parsed(sheet.matcher, page_rules, recorder.records, _pending(sheet), source_bytes)


def _for_document(
    parsed: _Parsed, base_url: str | None, page_rules: list[Any] | None, layers: list[str] | None
) -> weasyprint.CSS:
    for record in parsed.records:
        _LOGGER.handle(record)
    for value in parsed.pending:
        value._reported_error = False
    sheet: weasyprint.CSS = _CSS.__new__(_CSS)
    sheet.base_url = base_url
    sheet.matcher = parsed.matcher
    sheet.page_rules = [] if page_rules is None else page_rules
    sheet.page_rules += parsed.page_rules
    sheet.layers = [] if layers is None else layers
    return sheet


def _pending(sheet: weasyprint.CSS) -> list[Pending]:
    matcher = sheet.matcher
    by_name = (
        matcher.id_selectors,
        matcher.class_selectors,
        matcher.lower_local_name_selectors,
        matcher.namespace_selectors,
    )
    entries = [entry for group in by_name for found in group.values() for entry in found]
    entries += matcher.lang_attr_selectors + matcher.other_selectors
    declarations = [entry[-1][0] for entry in entries] + [rule[2] for rule in sheet.page_rules]
    found = {id(value): value for each in declarations for _, value, _ in each if isinstance(value, Pending)}
    return list(found.values())
