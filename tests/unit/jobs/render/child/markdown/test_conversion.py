from __future__ import annotations

import pytest

from jobs.render.child.markdown import conversion

TEXT = """# Report & *more* `code`

| a | b |
|---|--:|
| 1 | 2 |

~~old~~ new[^1] <b>kept</b>

[^1]: A note.
"""


def html_of(text: str, lang: str | None = None) -> str:
    def refuse(code: str, message: str) -> None:
        raise AssertionError(message)

    return conversion.to_html(text, refuse, lang=lang)


def test_commonmark_with_tables_footnotes_and_strikethrough_becomes_html() -> None:
    html = html_of(TEXT)
    assert '<td style="text-align:right">2</td>' in html
    assert "<s>old</s> new" in html
    assert '<section class="footnotes">' in html
    assert "<b>kept</b>" in html


def test_the_title_is_the_text_of_the_first_heading_without_markup() -> None:
    assert html_of(TEXT).startswith(
        '<!DOCTYPE html><html><head><meta charset="utf-8"><title>Report &amp; more code</title></head>'
    )


def test_text_without_a_heading_has_an_empty_title() -> None:
    assert "<title></title>" in html_of("just text")


def test_front_matter_becomes_metadata_and_is_not_on_the_page() -> None:
    html = html_of(
        "---\ntitle: Quarterly <report>\nauthor: [Jane Roe, J. Doe]\nlang: de-AT\ndate: 2026-01-31\n"
        "keywords: [a, b]\ndescription: About\nlayout: post\n---\n# Summary\n"
    )
    assert '<html lang="de-AT">' in html
    assert "<title>Quarterly &lt;report&gt;</title>" in html
    for name, content in [
        ("author", "Jane Roe"),
        ("author", "J. Doe"),
        ("dcterms.created", "2026-01-31"),
        ("keywords", "a, b"),
        ("description", "About"),
    ]:
        assert f'<meta name="{name}" content="{content}">' in html
    assert html.partition("<body>")[2].strip() == '<h1 id="summary">Summary</h1>'


def test_the_language_asked_for_wins_over_the_front_matter() -> None:
    assert '<html lang="fr">' in html_of("---\nlang: de\n---\nx", lang="fr")


def test_what_github_shows_is_shown() -> None:
    html = html_of(
        "- [x] done\n- [ ] open\n\n> [!NOTE]\n> A note.\n\nTerm\n: Definition\n\nhttps://a.example/b\n"
    )
    assert html.count('type="checkbox"') == 2
    assert html.count('checked=""') == 1
    assert '<div class="markdown-alert markdown-alert-note">' in html
    assert "<dl>\n<dt>Term</dt>\n<dd>Definition</dd>\n</dl>" in html
    assert '<a href="https://a.example/b">https://a.example/b</a>' in html


def test_code_in_a_known_language_is_coloured() -> None:
    html = html_of("```python\nif x: y\n```\n\n```nonsense\nif x: y\n```\n")
    assert '<code class="language-python"><span class="hl-k">if</span> x: y\n</code>' in html
    assert '<code class="language-nonsense">if x: y\n</code>' in html


def test_a_document_does_not_affect_the_next_one() -> None:
    first = html_of(TEXT + "```python\nif x: y\n```\n")
    assert "footnotes" not in html_of("x[^1]")
    assert html_of(TEXT + "```python\nif x: y\n```\n") == first


@pytest.mark.parametrize("selector", ["@page", ".task-list-item", ".toc", ".hl-k", ".markdown-alert"])
def test_the_default_stylesheet_is_for_pages_and_for_what_is_made(selector: str) -> None:
    assert selector in conversion.stylesheet()
