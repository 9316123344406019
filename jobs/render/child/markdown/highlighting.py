"""Colours code in Markdown (Pygments)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from html import escape
from itertools import groupby

from pygments.lexer import Lexer
from pygments.lexers import get_all_lexers, get_lexer_by_name
from pygments.token import Token

_MAX_CHARACTERS = 100_000
"""Characters of one document that are coloured. Each word is an element, and costs time to lay
out: the rest is drawn in one colour."""
_KEPT_LEXERS = 50
_CLASSES = {
    Token.Comment: "c",
    Token.Keyword: "k",
    Token.Operator.Word: "k",
    Token.Name.Tag: "k",
    Token.Literal.String: "s",
    Token.Literal.Number: "n",
    Token.Name.Function: "f",
    Token.Name.Class: "f",
    Token.Name.Attribute: "a",
    Token.Name.Builtin: "a",
    Token.Name.Decorator: "a",
    Token.Generic.Inserted: "i",
    Token.Generic.Deleted: "d",
    Token.Generic.Heading: "k",
    Token.Generic.Subheading: "k",
}
"""Type of token → class in the stylesheet. Types below one of these have its class; others have the
colour of the text."""


class Highlighter:
    """The option `highlight` of markdown-it, for one document."""

    def __init__(self) -> None:
        self._characters_left = _MAX_CHARACTERS

    def __call__(self, code: str, language: str, _attributes: str) -> str:
        """Returns HTML, or nothing to have the code as it is."""
        lexer = _lexer(language.lower()) if language else None
        if lexer is None or len(code) > self._characters_left:
            return ""
        self._characters_left -= len(code)
        return "".join(
            f'<span class="hl-{name}">{escape(text)}</span>' if name else escape(text)
            for name, text in _coloured(lexer, code)
        )


def _coloured(lexer: Lexer, code: str) -> Iterator[tuple[str, str]]:
    """Yields pieces of the code with their classes; neighbours of one class are one piece."""
    named = ((_class(kind), text) for kind, text in lexer.get_tokens(code))
    for name, pieces in groupby(named, key=lambda piece: piece[0]):
        yield name, "".join(text for _, text in pieces)


@cache
def _class(kind: object) -> str:
    """Returns the class for a type of token, or nothing."""
    while kind is not None:
        if kind in _CLASSES:
            return _CLASSES[kind]
        kind = getattr(kind, "parent", None)
    return ""


@cache
def _known_languages() -> frozenset[str]:
    """The lexer of an unknown name would be searched among all installed packages each time."""
    return frozenset(alias for _, aliases, _, _ in get_all_lexers(plugins=False) for alias in aliases)


@lru_cache(_KEPT_LEXERS)
def _lexer(language: str) -> Lexer | None:
    if language not in _known_languages():
        return None
    lexer: Lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    return lexer
