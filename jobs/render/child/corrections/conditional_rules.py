"""Rules that WeasyPrint skips: ``@supports``, ``@property``, and ``@media`` in other rules.

They are replaced by rules that it reads, before it reads a stylesheet:

- what is in ``@supports`` and ``@media`` whose condition is true stands in its place. WeasyPrint
  alone would take an ``@media`` in an ``@layer`` out of this layer, and skip one in a style rule;
- the initial values of ``@property`` become declarations for all elements that every other rule
  overrides.

Tailwind depends on both. Style rules that match nothing on paper are left out, so that no warning
is about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import weasyprint
import weasyprint.css
from cssselect2 import SelectorError, compile_selector_list
from tinycss2 import parse_blocks_contents, parse_rule_list, parse_stylesheet, serialize
from tinycss2.ast import CurlyBracketsBlock, LiteralToken, StringToken
from weasyprint.css import PSEUDO_ELEMENTS
from weasyprint.css.tokens import InvalidValues
from weasyprint.css.validation import NOT_PRINT_MEDIA, properties
from weasyprint.css.validation.expanders import EXPANDERS

from jobs.render.child.corrections.conditions import Malformed, Truth, condition, keyword, significant
from jobs.render.child.corrections.media_queries import evaluate, parse
from jobs.render.child.corrections.selector_lists import matches_nothing

_LOWEST_LAYER = "@property"
_CONDITIONAL = frozenset({"media", "supports"})

_preprocess_stylesheet: Any = weasyprint.css.preprocess_stylesheet


def apply() -> None:
    weasyprint.css.preprocess_stylesheet = _with_plain_rules  # type: ignore[assignment]
    weasyprint.preprocess_stylesheet = _with_plain_rules  # type: ignore[attr-defined, assignment]


def _with_plain_rules(
    device: str,
    base_url: str | None,
    rules: Iterable[Any],
    url_fetcher: Any,
    matcher: Any,
    page_rules: list[Any],
    layers: list[str],
    *arguments: Any,
    **named: Any,
) -> None:
    plain: list[Any] = []
    registered: list[Any] = []
    for rule in _plain(rules, device):
        is_registration = rule.type == "at-rule" and rule.lower_at_keyword == "property"
        (registered if is_registration else plain).append(rule)
    if initial_values := "".join(map(_initial_value, registered)):
        if _LOWEST_LAYER not in layers:
            layers.insert(0, _LOWEST_LAYER)
        named_lowest = {**named, "layer": _LOWEST_LAYER}
        defaults = parse_stylesheet(initial_values)
        _preprocess_stylesheet(
            device, base_url, defaults, url_fetcher, matcher, page_rules, layers, *arguments, **named_lowest
        )
    _preprocess_stylesheet(
        device, base_url, plain, url_fetcher, matcher, page_rules, layers, *arguments, **named
    )


def _plain(rules: Iterable[Any], device: str) -> Iterator[Any]:
    """Yields the rules, with those of true conditions in the place of their conditions."""
    for rule in rules:
        if rule.type == "qualified-rule":
            if matches_nothing(rule.prelude):
                continue
            rule.content = _without_conditions(rule.content, device)
        elif _is_import(rule):
            rule.prelude = _with_string(rule.prelude)
        elif rule.type == "at-rule" and rule.lower_at_keyword in _CONDITIONAL and rule.content is not None:
            truth = _truth(rule.lower_at_keyword, rule.prelude, device)
            if truth is None:
                yield rule  # WeasyPrint warns of it
            elif truth:
                inner = parse_rule_list(rule.content)
                yield from (each for each in _plain(inner, device) if not _is_import(each))
            continue
        yield rule


def _is_import(rule: Any) -> bool:
    return rule.type == "at-rule" and rule.lower_at_keyword in ("import", "charset")


def _with_string(prelude: Sequence[Any]) -> list[Any]:
    """Returns ``"x.css"`` for ``url(x.css)``, for which WeasyPrint fails without a base URL."""
    found = list(prelude)
    for index, token in enumerate(found):
        if token.type == "url" or (token.type == "function" and token.lower_name == "url"):
            url = (
                token.value
                if token.type == "url"
                else "".join(str(getattr(each, "value", "")) for each in token.arguments)
            )
            found[index] = StringToken(token.source_line, token.source_column, url, f'"{url}"')
        if token.type not in ("whitespace", "comment"):
            break
    return found


def _without_conditions(content: Sequence[Any], device: str) -> Sequence[Any]:
    """Returns what is in a style rule, with ``& {…}`` for each ``@media … {…}`` that applies."""
    if not any(token.type in ("at-keyword", "{} block") for token in content):
        return content
    found: list[Any] = []
    tokens = iter(content)
    for token in tokens:
        if token.type == "{} block":
            token.content = _without_conditions(token.content, device)
        elif token.type == "at-keyword" and token.lower_value in _CONDITIONAL:
            prelude: list[Any] = []
            for part in tokens:
                if part.type == "{} block":
                    if _truth(token.lower_value, prelude, device):
                        line, column = part.source_line, part.source_column
                        inner = _without_conditions(part.content, device)
                        found.append(LiteralToken(line, column, "&"))
                        found.append(CurlyBracketsBlock(line, column, list(inner)))
                    break
                prelude.append(part)
            continue
        found.append(token)
    return found


def _truth(rule: str, prelude: Sequence[Any], device: str) -> Truth:
    """Tells whether the rule applies, or None if that cannot be read."""
    if rule == "media":
        queries = parse(prelude)
        return None if queries is None else evaluate(queries, device)
    try:
        return condition(significant(prelude), _is_supported, _is_supported_function) is True
    except Malformed:
        return None


def _is_supported(declaration: Sequence[Any]) -> Truth:
    """Tells whether WeasyPrint draws the declaration: ``display: grid``."""
    if len(declaration) < 2 or keyword(declaration[0]) is None or declaration[1] != ":":
        raise Malformed
    name, value = declaration[0].lower_value, list(declaration[2:])
    if name.startswith("--"):
        return True
    if not value or name.startswith("-") or name in NOT_PRINT_MEDIA:
        return False
    validate = EXPANDERS.get(name, properties.validate_non_shorthand)
    try:
        list(validate(value, name, None))
    except InvalidValues:
        return False
    return True


def _is_supported_function(function: Any) -> Truth:
    if function.lower_name != "selector":
        return None
    try:
        selectors = compile_selector_list(function.arguments)
    except SelectorError:
        return False
    return all(selector.pseudo_element in PSEUDO_ELEMENTS for selector in selectors)


def _initial_value(rule: Any) -> str:
    """Returns a rule for the initial value of a registered property, or no text without one."""
    descriptors = {
        each.lower_name: serialize(each.value).strip()
        for each in parse_blocks_contents(rule.content or [], skip_comments=True, skip_whitespace=True)
        if each.type == "declaration"
    }
    name, value = serialize(rule.prelude).strip(), descriptors.get("initial-value")
    if value is None or not name.startswith("--"):
        return ""
    elements = ":root" if descriptors.get("inherits") == "true" else "*, ::before, ::after"
    return f"{elements} {{ {name}: {value} }}\n"
