"""Makes links of bare addresses in Markdown, as GitHub does (GFM, section 6.9).

The plugin of mdit-py-plugins looks at the rest of the paragraph at each colon: a log of a megabyte
would take minutes. This takes time in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

_ADDRESS = re.compile(
    r"(?<![^\s*_~(])(?:https?://[\w-]|www\.[\w-])[^\s<]*"
    r"|(?<![\w.+/:-])[a-z0-9.+_-]+@[a-z0-9_-]+(?:\.[a-z0-9_-]+)+",
    re.IGNORECASE | re.ASCII,
)
_LINK_BEGINS = re.compile(r"<a[\s>]", re.IGNORECASE)
_LINK_ENDS = re.compile(r"</a\s*>", re.IGNORECASE)
_AFTER_SENTENCE = "?!.,:;*_~'\""


def link_bare_addresses(tokens: Sequence[Token], parser: MarkdownIt) -> None:
    for token in tokens:
        if token.type == "inline":
            token.children = list(_linked(token.children or (), parser))


def _linked(children: Sequence[Token], parser: MarkdownIt) -> Iterator[Token]:
    depth = 0
    """How many links are open."""
    for child in children:
        html = child.content if child.type == "html_inline" else ""
        depth += child.type == "link_open" or bool(_LINK_BEGINS.match(html))
        depth -= child.type == "link_close" or bool(_LINK_ENDS.match(html))
        if child.type == "text" and depth <= 0:
            yield from _pieces(child, parser)
        else:
            yield child


def _pieces(token: Token, parser: MarkdownIt) -> Iterator[Token]:
    """Yields the text with links for the addresses in it."""
    text, done = token.content, 0
    for found in _ADDRESS.finditer(text):
        address = _without_punctuation(found[0])
        target = parser.normalizeLink(_target(address))
        if not parser.validateLink(target):
            continue
        yield _text(token, text[done : found.start()])
        yield Token("link_open", "a", 1, attrs={"href": target}, level=token.level)
        yield _text(token, address)
        yield Token("link_close", "a", -1, level=token.level)
        done = found.start() + len(address)
    yield _text(token, text[done:])


def _text(token: Token, content: str) -> Token:
    return Token("text", "", 0, content=content, level=token.level)


def _target(address: str) -> str:
    if address[:4].lower() == "www.":
        return f"http://{address}"
    return address if "://" in address else f"mailto:{address}"


def _without_punctuation(address: str) -> str:
    """Leaves out what ends the sentence, and brackets that begin before the address."""
    surplus = address.count(")") - address.count("(")
    end = len(address)
    while end:
        if address[end - 1] == ")" and surplus > 0:
            surplus -= 1
        elif address[end - 1] not in _AFTER_SENTENCE:
            break
        end -= 1
    return address[:end]
