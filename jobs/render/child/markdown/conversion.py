"""Converts Markdown as GitHub writes it, with front matter, to HTML for print.

CommonMark with GitHub's tables, task lists, strikethrough, alerts and bare links; footnotes and
definition lists besides.
"""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from html import escape
from importlib.resources import files

from markdown_it import MarkdownIt
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin

from jobs.render.child.markdown.bare_links import link_bare_addresses
from jobs.render.child.markdown.front_matter import FrontMatter, Warn, split
from jobs.render.child.markdown.headings import Heading, give_ids, insert_contents
from jobs.render.child.markdown.highlighting import Highlighter

_OPTIONS = {"html": True, "tasklists": True, "alerts": True, "strikethrough_single_tilde": True}


def to_html(text: str, warn: Warn, *, lang: str | None = None) -> str:
    """Returns an HTML document. HTML in the Markdown is kept.

    Its title is that of the front matter, or the first heading. `lang` wins over the language in
    the front matter. `warn` is told what is wrong with the front matter.
    """
    metadata, body = split(text, warn)
    parser = _parser()
    tokens = parser.parse(body)
    headings = give_ids(tokens)
    insert_contents(tokens, headings)
    link_bare_addresses(tokens, parser)
    options = deepcopy(parser.options)
    options["highlight"] = Highlighter()
    content = parser.renderer.render(tokens, options, {})
    return f"{_head(metadata, headings, lang or metadata.lang)}<body>\n{content}"


@cache
def stylesheet() -> str:
    """Returns the default styles. The caller's stylesheets come after them and win."""
    return (files(__package__) / "markdown.css").read_text("utf-8")


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", _OPTIONS).enable(["table", "strikethrough"])
    return parser.use(footnote_plugin).use(deflist_plugin)


def _head(metadata: FrontMatter, headings: list[Heading], lang: str | None) -> str:
    title = metadata.title or (headings[0].text if headings else "")
    named = [
        *(("author", author) for author in metadata.authors),
        ("description", metadata.description),
        ("keywords", ", ".join(metadata.keywords)),
        ("dcterms.created", metadata.date),
    ]
    metas = "".join(f'<meta name="{name}" content="{escape(value)}">' for name, value in named if value)
    language = f' lang="{escape(lang)}"' if lang else ""
    return (
        f'<!DOCTYPE html><html{language}><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>{metas}</head>"
    )
