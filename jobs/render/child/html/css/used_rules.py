"""Tells whether rules of which CSS is ignored apply to anything in the document.

Frameworks have thousands of rules of which a page uses a few. What is ignored in the others changes
nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from cssselect2 import ElementWrapper, SelectorError, compile_selector_list
from tinycss2 import parse_component_value_list, parse_rule_list
from tinycss2.ast import LiteralToken

from jobs.render.child.html.css.sources import css_selectors

_MAX_TESTS = 2_000_000
"""Tests of a selector with an element for a document: about a second."""
_INVALID_SELECTOR = "Invalid or unsupported selector"


class UsedRules:
    """Knows the elements of one document."""

    def __init__(self, root: ElementWrapper) -> None:
        self._root = root
        self._elements: list[ElementWrapper] = []
        self._ids: set[str] = set()
        self._classes: set[str] = set()
        self._names: set[str] = set()
        self._tests_left = _MAX_TESTS

    def concern(self, record: logging.LogRecord) -> bool:
        """Tells whether the message is about a rule that applies, or about something else."""
        args: Any = record.args
        if str(record.msg).startswith(_INVALID_SELECTOR):
            # The message ends with the selectors, in quotes.
            _, _, text = record.getMessage().partition("'")
            return self._apply(_without_pseudo(parse_component_value_list(text.rpartition("'")[0])))
        if isinstance(args, tuple) and args and getattr(args[0], "content", None) is not None:
            return any(self._apply(selectors) for selectors in _selectors_in(args[0]))
        selectors = css_selectors(record)
        return selectors is None or self._apply(selectors)

    def _apply(self, selectors: Sequence[Any]) -> bool:
        try:
            compiled = compile_selector_list(selectors)
        except SelectorError:
            return True  # who knows
        self._look_around()
        for selector in filter(self._may_match, compiled):
            self._tests_left -= len(self._elements)
            if self._tests_left < 0 or any(selector.test(element) for element in self._elements):
                return True
        return False

    def _may_match(self, selector: Any) -> bool:
        return (
            (selector.id is None or selector.id in self._ids)
            and (selector.class_name is None or selector.class_name in self._classes)
            and (selector.lower_local_name is None or selector.lower_local_name in self._names)
        )

    def _look_around(self) -> None:
        if self._elements:
            return
        self._elements = list(self._root.iter_subtree())
        for element in self._elements:
            self._names.add(element.local_name.lower())
            self._classes |= element.classes
            if element.id is not None:
                self._ids.add(element.id)


def _selectors_in(rule: Any) -> Iterator[Sequence[Any]]:
    """Yields the selectors of the rules in a rule, or such as match all if it has other content."""
    inner = parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
    if not all(each.type in ("qualified-rule", "at-rule") for each in inner):
        yield parse_component_value_list("*")
    for each in inner:
        if each.type == "qualified-rule":
            yield each.prelude
        elif each.type == "at-rule" and each.content is not None:
            yield from _selectors_in(each)


def _without_pseudo(selectors: Sequence[Any]) -> list[Any]:
    """Returns the selectors without pseudo-classes and pseudo-elements, so that they match more."""
    found: list[Any] = []
    after_colon = is_compound = False
    for token in selectors:
        is_pseudo = after_colon and token.type in ("ident", "function")
        after_colon = token == ":"  # noqa: S105
        if is_pseudo or after_colon:
            if after_colon and not is_compound:
                found.append(LiteralToken(token.source_line, token.source_column, "*"))
                is_compound = True
            continue
        is_compound = token.type not in ("whitespace", "comment") and token not in (",", ">", "+", "~")
        found.append(token)
    return found
