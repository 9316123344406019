from __future__ import annotations

import pytest

from jobs.render.child.markdown.front_matter import FrontMatter, split

NESTED = "title: " + "{a: " * 4000
DOUBLED = "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(60))


def read(text: str) -> tuple[FrontMatter, str, list[str]]:
    """The metadata, the Markdown after it, and the warnings."""
    warnings: list[str] = []

    def warn(code: str, message: str) -> None:
        assert code == "front_matter_invalid"
        warnings.append(message)

    return *split(text, warn), warnings


def test_texts_and_lists_are_read_with_their_other_names() -> None:
    found, rest, warnings = read("---\nTitle: A\nauthors:\n- B\n- C\nlanguage: en\n...\nrest\n---\n")
    assert found == FrontMatter(title="A", authors=("B", "C"), lang="en")
    assert rest == "rest\n---\n"
    assert warnings == []


def test_values_stay_texts_as_they_are_written() -> None:
    found, _, warnings = read("---\r\ntitle: 1.10\r\nlang: no\r\nauthor: null\r\n---\r\n")
    assert found == FrontMatter(title="1.10", lang="no", authors=("null",))
    assert warnings == []


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2026-01-31", "2026-01-31"),
        ("2026", "2026"),
        ("2026-01-31 12:30", "2026-01-31T12:30:00+00:00"),
        ("2026-01-31 12:30:59+02:00", "2026-01-31T12:30:59+02:00"),
        ("31 January 2026", "31 January 2026"),
    ],
)
def test_dates_become_those_of_html_metadata(written: str, date: str) -> None:
    assert read(f"---\ndate: {written}\n---\n")[0].date == date


@pytest.mark.parametrize(
    "text",
    [
        "text\n---\ntitle: A\n---\n",
        "---\ntitle: A\n",
        "---\n\nA paragraph between two rules.\n\n---\n",
        "---\n- a list\n---\n",
        "----\ntitle: A\n----\n",
        "",
    ],
)
def test_anything_else_is_markdown(text: str) -> None:
    assert read(text) == (FrontMatter(), text, [])


def test_an_empty_block_is_left_out() -> None:
    assert read("---\n---\nx") == (FrontMatter(), "x", [])


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (
            "title: Report: 2026",
            "mapping values are not allowed here (line 2). A text with a colon needs quotes",
        ),
        ("title: [", "it is no YAML"),
        (
            "a: !!python/object/apply:os.system [x]\ntitle: {a: b}",
            "title in the front matter should be a text",
        ),
        ("author: {name: A}", "author in the front matter should be a text or a list of texts"),
        ("lang: <b>", "lang in the front matter should be such as en or de-AT, not '<b>'"),
        ("title: \x00", "it is no YAML"),
        (NESTED, "it is no YAML"),
        (DOUBLED + "title: *a60", "title in the front matter should be a text"),
        ("a: b\n" * 5000, "it has over 20000 characters"),
    ],
)
def test_what_cannot_be_read_is_left_out_with_a_warning(block: str, says: str) -> None:
    found, rest, warnings = read(f"---\n{block}\n---\nx")
    assert (found, rest) == (FrontMatter(), "x")
    assert len(warnings) == 1
    assert says in warnings[0]
