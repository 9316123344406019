"""Finds what a document or a stylesheet refers to, if the renderer would fetch it. Pure.

Links to other pages are left out: the renderer does not fetch them.
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from markdown_it import MarkdownIt
from tinycss2.tokenizer import parse_component_value_list

_URL_ATTRIBUTES = {
    "img": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
    **dict.fromkeys(("body", "table", "tr", "td", "th"), ("background",)),
}
_FETCHED_LINKS = frozenset({"stylesheet", "attachment"})


def in_html(text: str) -> list[str]:
    """Returns what HTML or SVG refers to, with its relative ``<base>`` applied."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return [_joined(reader.base, url) for url in reader.found]


def in_markdown(text: str) -> list[str]:
    return in_html(MarkdownIt("commonmark", {"html": True}).render(text))


def in_css(text: str) -> Iterator[str]:
    """Yields what a stylesheet or a declaration refers to."""
    waiting: list[list[Any]] = [parse_component_value_list(text)]
    while waiting:
        is_import = False
        for part in waiting.pop():
            if part.type == "url" or (part.type == "string" and is_import):
                yield part.value
            elif part.type == "function" and part.lower_name == "url":
                yield from (argument.value for argument in part.arguments if argument.type == "string")
            elif part.type == "function":
                waiting.append(part.arguments)
            elif part.type in ("{} block", "() block", "[] block"):
                waiting.append(part.content)
            if part.type not in ("whitespace", "comment"):
                is_import = part.type == "at-keyword" and part.lower_value == "import"


def local_path(reference: str) -> str | None:
    """Returns the path in a reference, or None if it leads to no file of this machine."""
    try:
        parts = urlsplit(reference.strip())
    except ValueError:
        return None
    path = unquote(parts.path)
    return None if parts.scheme or parts.netloc or not path or "\0" in path else path


def _joined(base: str, url: str) -> str:
    try:
        if urlsplit(base).scheme or base.startswith("//"):
            return urljoin(base, url)
        is_relative = not (urlsplit(url).scheme or url.startswith("/"))
    except ValueError:
        return url
    return base[: base.rfind("/") + 1] + url if is_relative else url  # urljoin would drop "../"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.found: list[str] = []
        self._is_in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self._is_in_style = tag == "style"
        if tag == "base" and not self.base:
            self.base = values.get("href", "")
        if tag in ("link", "a") and _FETCHED_LINKS.intersection(values.get("rel", "").lower().split()):
            self._add(values.get("href"))
        for name in _URL_ATTRIBUTES.get(tag, ()):
            self._add(values.get(name))
        if tag in ("img", "source"):
            for candidate in values.get("srcset", "").split(","):
                self._add(*candidate.split()[:1])
        self.found += in_css(values.get("style", ""))

    def handle_endtag(self, tag: str) -> None:
        self._is_in_style = False

    def handle_data(self, data: str) -> None:
        if self._is_in_style:
            self.found += in_css(data)

    def _add(self, url: str | None = None) -> None:
        if url is not None:
            self.found.append(url)
