"""Converts CommonMark with tables, footnotes and strikethrough to HTML, with print styles."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from itertools import pairwise

from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin


def to_html(text: str) -> str:
    """Returns an HTML document whose title is the first heading. HTML in the Markdown is kept."""
    parser = _parser()
    tokens = parser.parse(text)
    title = next(
        (content.content for heading, content in pairwise(tokens) if heading.type == "heading_open"),
        "",
    )
    body = parser.renderer.render(tokens, parser.options, {})
    return f'<!DOCTYPE html><meta charset="utf-8"><title>{escape(title)}</title>\n{body}'


@cache
def stylesheet() -> str:
    """Returns the default styles. The caller's stylesheets come after them and win."""
    return (files(__package__) / "markdown.css").read_text("utf-8")


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).use(footnote_plugin)
