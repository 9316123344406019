"""The grammar that ``@media`` and ``@supports`` share: ``(a) and (not (b))``. Pure.

A condition is True, False, or None if nothing is known of a part that decides (Media Queries 4,
section 3.1). A rule whose condition is not True does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

Truth = bool | None
Leaf = Callable[[Sequence[Any]], Truth]
"""Decides what is in a pair of parentheses without a condition in it. May raise Malformed."""
FunctionLeaf = Callable[[Any], Truth]
"""Decides a function, such as ``selector(a > b)``."""


class Malformed(ValueError):
    """It does not follow the grammar."""


def significant(tokens: Iterable[Any]) -> list[Any]:
    """Returns the tokens without white space and comments."""
    return [token for token in tokens if token.type not in ("whitespace", "comment")]


def keyword(token: Any) -> str | None:
    """Returns the name of an identifier in lower case, or None for another token."""
    name: str | None = token.lower_value if token.type == "ident" else None
    return name


def unknown(_: Any) -> Truth:
    return None


def condition(tokens: Sequence[Any], leaf: Leaf, function: FunctionLeaf = unknown) -> Truth:
    """Decides a condition of significant tokens.

    Raises:
        Malformed: it is none.
    """
    if not tokens:
        raise Malformed
    if keyword(tokens[0]) == "not":
        if len(tokens) != 2:
            raise Malformed
        return negated(_in_parentheses(tokens[1], leaf, function))
    if len(tokens) % 2 == 0 or len({keyword(word) for word in tokens[1::2]} - {"and", "or"}):
        raise Malformed
    words = {keyword(word) for word in tokens[1::2]}
    if len(words) > 1:
        raise Malformed  # "and" and "or" need parentheses
    truths = [_in_parentheses(token, leaf, function) for token in tokens[::2]]
    return either(truths) if words == {"or"} else both(truths)


def negated(truth: Truth) -> Truth:
    return None if truth is None else not truth


def both(truths: Sequence[Truth]) -> Truth:
    if False in truths:
        return False
    return None if None in truths else True


def either(truths: Sequence[Truth]) -> Truth:
    if True in truths:
        return True
    return None if None in truths else False


def _in_parentheses(token: Any, leaf: Leaf, function: FunctionLeaf) -> Truth:
    if token.type == "function":
        return function(token)
    if token.type != "() block":
        raise Malformed
    content = significant(token.content)
    if content and (content[0].type in ("() block", "function") or keyword(content[0]) == "not"):
        return condition(content, leaf, function)
    return leaf(content)
