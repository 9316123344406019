from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from jobs.render.child.markdown.bare_links import link_bare_addresses


def html_of(text: str) -> str:
    parser = MarkdownIt("commonmark", {"html": True})
    tokens = parser.parse(text)
    link_bare_addresses(tokens, parser)
    rendered: str = parser.renderer.render(tokens, parser.options, {})
    return rendered.strip().removeprefix("<p>").removesuffix("</p>")


@pytest.mark.parametrize(
    ("text", "target", "shown"),
    [
        ("https://a.example/plan", "https://a.example/plan", "https://a.example/plan"),
        ("see www.a.example.", "http://www.a.example", "www.a.example"),
        ("(http://a.example/b_(c))", "http://a.example/b_(c)", "http://a.example/b_(c)"),
        ("**https://a.example?b=1&c=2**", "https://a.example?b=1&amp;c=2", "https://a.example?b=1&amp;c=2"),
        ("http://localhost:8000, then", "http://localhost:8000", "http://localhost:8000"),
        ("jane.roe+x@a.example!", "mailto:jane.roe+x@a.example", "jane.roe+x@a.example"),
    ],
)
def test_bare_addresses_become_links_without_the_punctuation_after_them(
    text: str, target: str, shown: str
) -> None:
    assert f'<a href="{target}">{shown}</a>' in html_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "`https://a.example`",
        "[https://a.example](https://b.example)",
        '<a href="https://b.example">https://a.example</a>',
        "xhttps://a.example",
        "javascript://a.example",
        "http:// and www. and @ and a@b",
        "12:30:59 a:b",
    ],
)
def test_anything_else_is_left_alone(text: str) -> None:
    before: str = MarkdownIt("commonmark", {"html": True}).render(text)
    assert html_of(text) == before.strip().removeprefix("<p>").removesuffix("</p>")
