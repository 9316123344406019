"""Reads the front matter of Markdown: metadata as YAML between two lines of dashes at the start."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml

from jobs.render.protocol.warning_codes import WarningCode

Warn = Callable[[WarningCode, str], None]
"""Takes a code and a message."""

_BLOCK = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_MAX_CHARACTERS = 20_000
"""A parser of YAML in Python takes half a second for so much."""
_MAX_TEXT_CHARACTERS = 1000
_MAX_LIST_ITEMS = 100
# As long as `metadata` in the options of `pdf.render` may be.


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """What front matter says about a document. Members that Pressrun does not know are ignored."""

    title: str = ""
    authors: tuple[str, ...] = ()
    description: str = ""
    keywords: tuple[str, ...] = ()
    lang: str | None = None
    """BCP 47."""
    date: str = ""
    """W3C date format, or, if it cannot be read, as it is written."""


def split(text: str, warn: Warn) -> tuple[FrontMatter, str]:
    """Returns the front matter and the Markdown after it.

    A block that is no mapping, such as a paragraph between two thematic breaks, is Markdown. One
    that is no YAML, or that is too long, is left out, and `warn` is told.
    """
    block = _BLOCK.match(text)
    if block is None:
        return FrontMatter(), text
    rest = text[block.end() :]
    if len(block[1]) > _MAX_CHARACTERS:
        warn(
            "front_matter_invalid", f"The front matter is left out: it has over {_MAX_CHARACTERS} characters."
        )
        return FrontMatter(), rest
    try:
        found = _loaded(block[1])
    except (yaml.YAMLError, RecursionError) as error:
        warn("front_matter_invalid", f"The front matter is left out, because it is no YAML{_place(error)}.")
        return FrontMatter(), rest
    if found is None or found == "":
        return FrontMatter(), rest
    if not isinstance(found, dict):
        return FrontMatter(), text
    return _checked(found, warn), rest


def _loaded(text: str) -> Any:
    """Returns strings, lists and dictionaries of them.

    The loader makes no other types: `1.10` stays a version, `no` stays Norwegian, and no tag can
    call anything.
    """
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (it makes less than SafeLoader)


def _place(error: yaml.YAMLError | RecursionError) -> str:
    """Returns what is wrong where, for the end of a sentence."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ""
    line = error.problem_mark.line + 2  # the dashes are line 1, and YAML counts from 0
    return f": {error.problem} (line {line}). A text with a colon needs quotes"


def _checked(found: dict[Any, Any], warn: Warn) -> FrontMatter:
    members = {str(name).lower(): value for name, value in found.items()}
    title, description, lang, date = (
        _text(members, *names, warn=warn)
        for names in (("title",), ("description",), ("lang", "language"), ("date",))
    )
    if lang and not _LANGUAGE.fullmatch(lang):
        warn(
            "front_matter_invalid",
            f"lang in the front matter should be such as en or de-AT, not {lang[:50]!r}.",
        )
        lang = ""
    return FrontMatter(
        title=title,
        authors=_texts(members, "author", "authors", warn=warn),
        description=description,
        keywords=_texts(members, "keywords", warn=warn),
        lang=lang or None,
        date=_w3c_date(date),
    )


def _text(members: dict[str, Any], *names: str, warn: Warn) -> str:
    """Returns the text of the first of `names` that is there."""
    name = next((name for name in names if name in members), None)
    value = members.get(name or "", "")
    if isinstance(value, str):
        return value.strip()[:_MAX_TEXT_CHARACTERS]
    warn("front_matter_invalid", f"{name} in the front matter should be a text.")
    return ""


def _texts(members: dict[str, Any], *names: str, warn: Warn) -> tuple[str, ...]:
    """Returns the texts of the first of `names` that is there: one text, or a list of them."""
    name = next((name for name in names if name in members), None)
    value = members.get(name or "", [])
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        warn("front_matter_invalid", f"{name} in the front matter should be a text or a list of texts.")
        return ()
    return tuple(item.strip()[:_MAX_TEXT_CHARACTERS] for item in items[:_MAX_LIST_ITEMS] if item.strip())


def _w3c_date(text: str) -> str:
    """Returns a date and time as metadata of HTML have it; a time without a zone is UTC."""
    if len(text) <= len("2026-01-31"):
        return text
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat(timespec="seconds")
    return text
