"""Markdown to HTML: CommonMark with tables, footnotes and strikethrough, and a stylesheet for print."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from itertools import pairwise

from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin


def to_html(text: str) -> str:
    """A whole HTML document; its title is the first heading. HTML inside the Markdown is kept."""
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
    """The default look. Weaker than the caller's own stylesheets, which come after it."""
    return (files(__package__) / "markdown.css").read_text("utf-8")


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).use(footnote_plugin)
