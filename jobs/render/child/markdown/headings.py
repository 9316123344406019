"""Gives headings the ids that GitHub gives them, and makes the table of contents."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from markdown_it.token import Token

_CONTENTS = "[TOC]"
_IN_SLUGS = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "Pc"})
"""Categories of the characters of words (Unicode, UTS 18, annex C, `\\w`)."""


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    text: str
    id: str
    """Empty if the heading has neither letters nor digits."""


def give_ids(tokens: Sequence[Token]) -> list[Heading]:
    """Sets the id of each heading, and returns all headings."""
    taken: set[str] = set()
    last_numbers: dict[str, int] = {}
    headings = []
    for opening, content in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        text = _text(content.children or ())
        name = slug(text)
        if name:
            name = _unique(name, taken, last_numbers)
            opening.attrSet("id", name)
        headings.append(Heading(int(opening.tag[1:]), " ".join(text.split()), name))
    return headings


def slug(text: str) -> str:
    """Returns the id of a heading: lower case, hyphens for spaces, and no punctuation."""
    return "".join(
        "-" if letter == " " else letter
        for letter in text.lower()
        if letter in " -" or unicodedata.category(letter) in _IN_SLUGS
    )


def _unique(name: str, taken: set[str], last_numbers: dict[str, int]) -> str:
    """Adds a number to a name that is taken. `last_numbers` saves counting from 1 each time."""
    number, candidate = last_numbers.get(name, 0), name
    while candidate in taken:
        number += 1
        candidate = f"{name}-{number}"
    last_numbers[name] = number
    taken.add(candidate)
    return candidate


def _text(tokens: Sequence[Token]) -> str:
    """Returns the text without markup, HTML and images."""
    return "".join(
        " " if token.type in ("softbreak", "hardbreak") else token.content
        for token in tokens
        if token.type in ("text", "text_special", "code_inline", "softbreak", "hardbreak")
    )


def insert_contents(tokens: list[Token], headings: Sequence[Heading]) -> None:
    """Puts a table of contents in place of the first paragraph that is ``[TOC]``.

    The only heading of level 1 is the title of the document, and is left out.
    """
    for at, (opening, content) in enumerate(pairwise(tokens)):
        if opening.type == "paragraph_open" and content.content.strip() == _CONTENTS:
            if any(token.type == "link_open" for token in content.children or ()):
                continue  # the document defines a link of this name
            tokens[at : at + 3] = [Token("html_block", "", 0, content=_contents(headings))]
            return


def _contents(headings: Sequence[Heading]) -> str:
    titles = [heading for heading in headings if heading.level == 1]
    listed = [heading for heading in headings if heading.id and (len(titles) > 1 or heading.level > 1)]
    entries, open_levels = "", list[int]()
    for heading in listed:
        while open_levels and open_levels[-1] > heading.level:
            open_levels.pop()
            entries += "</li></ul>\n"
        if open_levels and open_levels[-1] >= heading.level:
            entries += "</li>\n"
        else:
            entries += "<ul>\n"
            open_levels.append(heading.level)
        entries += f'<li><a href="#{escape(heading.id)}">{escape(heading.text)}</a>'
    entries += "</li></ul>" * len(open_levels)
    return f'<nav class="toc">\n{entries}</nav>\n'
