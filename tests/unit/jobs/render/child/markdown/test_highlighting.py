from __future__ import annotations

from html.parser import HTMLParser

from jobs.render.child.markdown.highlighting import Highlighter


def text_of(html: str) -> str:
    parts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = parts.append  # type: ignore[method-assign]
    parser.feed(html)
    parser.close()
    return "".join(parts)


def test_code_keeps_its_text() -> None:
    code = '\n\n  <p class="x">&amp;</p>\n\t<!-- c -->   \n\n'
    html = Highlighter()(code, "HTML", "")
    assert '<span class="hl-k">p</span>' in html
    assert "&lt;" in html
    assert text_of(html) == code


def test_neighbours_of_one_colour_are_one_element() -> None:
    assert Highlighter()("# a # b", "python", "") == '<span class="hl-c"># a # b</span>'


def test_code_in_no_language_or_an_unknown_one_stays_as_it_is() -> None:
    assert Highlighter()("x", "", "") == ""
    assert Highlighter()("x", "nonsense", "") == ""


def test_code_beyond_what_is_coloured_in_one_document_stays_as_it_is() -> None:
    highlight = Highlighter()
    assert highlight("x = 1\n" * 2_000_000, "python", "") == ""
    assert highlight("x = 1\n" * 10_000, "python", "")
    assert highlight("x = 1\n" * 10_000, "python", "") == ""
    assert highlight("x = 1", "python", "")
    assert Highlighter()("x = 1\n" * 10_000, "python", "")
