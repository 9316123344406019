from jobs.render.child.html import markdown

TEXT = """# Report & *more*

| a | b |
|---|--:|
| 1 | 2 |

~~old~~ new[^1] <b>kept</b>

[^1]: A note.
"""


def test_commonmark_with_tables_footnotes_and_strikethrough_becomes_html() -> None:
    html = markdown.to_html(TEXT)
    assert html.startswith('<!DOCTYPE html><meta charset="utf-8"><title>Report &amp; *more*</title>')
    assert '<td style="text-align:right">2</td>' in html
    assert "<s>old</s> new" in html
    assert '<section class="footnotes">' in html
    assert "<b>kept</b>" in html


def test_text_without_a_heading_has_an_empty_title() -> None:
    assert "<title></title>" in markdown.to_html("just text")


def test_a_document_does_not_affect_the_next_one() -> None:
    markdown.to_html(TEXT)
    assert "footnotes" not in markdown.to_html("x[^1]")


def test_the_default_stylesheet_is_for_pages() -> None:
    assert "@page" in markdown.stylesheet()
