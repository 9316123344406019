from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from jobs.render.child.markdown.headings import Heading, give_ids, insert_contents, slug


def html_of(text: str) -> str:
    parser = MarkdownIt("commonmark")
    tokens = parser.parse(text)
    insert_contents(tokens, give_ids(tokens))
    rendered: str = parser.renderer.render(tokens, parser.options, {})
    return rendered


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Next steps", "next-steps"),
        ("What's new in v2.0?", "whats-new-in-v20"),
        ("A & B", "a--b"),
        ("snake_case and-dash", "snake_case-and-dash"),
        ("Über uns", "über-uns"),
        ("हिन्दी", "हिन्दी"),
        ("日本語 100%", "日本語-100"),
        ("🚀 Start", "-start"),
        ("¿½²?", ""),
    ],
)
def test_ids_are_those_of_github(heading: str, expected: str) -> None:
    assert slug(heading) == expected


def test_headings_of_one_name_get_numbers() -> None:
    tokens = MarkdownIt().parse("# a\n# a\n# a 1\n# a\n# *a* `b`\n# !\n")
    assert give_ids(tokens) == [
        Heading(1, "a", "a"),
        Heading(1, "a", "a-1"),
        Heading(1, "a 1", "a-1-1"),
        Heading(1, "a", "a-2"),
        Heading(1, "a b", "a-b"),
        Heading(1, "!", ""),
    ]
    assert [token.attrGet("id") for token in tokens if token.type == "heading_open"][-2:] == ["a-b", None]


def test_the_contents_list_all_headings_but_the_title() -> None:
    html = html_of("# Title\n[TOC]\n\n### Deep\n## One & *two*\n### Three\n#### Four\n## Five\n\n[TOC]\n")
    assert html.count("<nav") == 1
    assert "<p>[TOC]</p>" in html
    contents = html.partition('<nav class="toc">')[2].partition("</nav>")[0]
    assert contents.replace("\n", "") == (
        '<ul><li><a href="#deep">Deep</a></li></ul>'
        '<ul><li><a href="#one--two">One &amp; two</a>'
        '<ul><li><a href="#three">Three</a><ul><li><a href="#four">Four</a></li></ul></li></ul></li>'
        '<li><a href="#five">Five</a></li></ul>'
    )


def test_two_headings_of_level_1_are_chapters() -> None:
    assert html_of("[TOC]\n\n# A\n# B\n").count("<li>") == 2


def test_contents_without_headings_are_empty() -> None:
    assert html_of("[TOC]") == '<nav class="toc">\n</nav>\n'


def test_a_link_named_toc_stays_a_link() -> None:
    assert html_of("[TOC]\n\n[TOC]: https://a.example\n") == '<p><a href="https://a.example">TOC</a></p>\n'
