"""Fills templates with data, by Jinja2 in a closed sandbox.

Tables list the filters and the attributes of each type that a template can use. It reaches its data
and nothing else. The same data always gives the same text, because there is no clock and no
randomness. If a template does not end, the render child that fills it is killed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from types import TracebackType
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Namespace
from markupsafe import Markup

from jobs.core.errors.job import TemplateError
from jobs.render.child.html.locales import LOCALE_FILTERS

MAX_FILLED_CHARACTERS = 16 * 1024 * 1024
"""Length of the HTML that a template may become."""
_MAX_REPEATED = 1_000_000
_MAX_POWER_BITS = 10_000
_MAX_REASON_CHARACTERS = 300
_COMPILED_TEMPLATES = 16


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FILTERS = _words(
    "abs batch capitalize center count d default dictsort e escape filesizeformat first float forceescape format "
    "groupby indent int items join last length list lower map max min reject rejectattr replace reverse round safe "
    "select selectattr slice sort string striptags sum title tojson trim truncate unique upper urlencode wordcount "
    "wordwrap xmlattr"
)
_GLOBALS = _words("range dict namespace joiner cycler")
_TEXT = _words(
    "capitalize count endswith find index isalpha isdigit islower isspace isupper join lower lstrip partition "
    "removeprefix removesuffix replace rpartition rsplit rstrip split splitlines startswith strip title upper"
)
_ATTRIBUTES: dict[type, frozenset[str]] = {
    str: _TEXT,
    Markup: _TEXT,
    dict: _words("get items keys values"),
    list: _words("count index"),
    LoopContext: _words(
        "changed cycle depth depth0 first index index0 last length nextitem previtem revindex revindex0"
    ),
    Cycler: _words("current next reset"),
}
"""Attributes that a template can use, by type; objects of other types have none."""
_OTHER_FILES = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)


def fill(source: str, data: Mapping[str, Any], *, max_characters: int = MAX_FILLED_CHARACTERS) -> str:
    """Returns the HTML of the template `source` with the members of `data` as its variables.

    Raises:
        TemplateError: it failed. The message has the line and the reason.
    """
    template = compiled(source)
    try:
        return "".join(_bounded(template.generate(data), max_characters))
    except (TemplateError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 (a template can raise any error)
        raise _failed(_line(error.__traceback__), _reason(error)) from None


@lru_cache(_COMPILED_TEMPLATES)
def compiled(source: str) -> Template:
    """Compiles a template, without running any part of it.

    Raises:
        TemplateError: it is not Jinja2, uses an unknown filter, or is nested too deeply.
    """
    environment = _environment()
    try:
        tree = environment.parse(source)
        for node in tree.find_all(_OTHER_FILES):
            raise _failed(node.lineno, "a template is one file: it cannot extend, include or import others")
        for modifier in tree.find_all(nodes.ScopedEvalContextModifier):
            if not all(isinstance(option.value, nodes.Const) for option in modifier.options):
                raise _failed(modifier.lineno, "autoescape should be followed by true or false")
        return environment.from_string(tree)
    except TemplateSyntaxError as error:
        raise _failed(error.lineno, error.message or "this is not Jinja2") from None
    except ValueError:
        raise _failed(None, "a number in it has too many digits") from None
    except (RecursionError, SyntaxError, MemoryError):
        # Jinja2 compiles a template to Python, whose compiler has limits.
        raise _failed(None, "it is too large or nested too deeply") from None


class _Compiler(CodeGenerator):
    """Leaves all expressions to the time when the template is filled.

    Jinja2 evaluates constant ones while it compiles, even in a branch that is never taken and
    although `optimized` is off: ``{{ 'a'|center(800000000)|length }}`` takes 800 MB.
    """

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


class _Sandbox(ImmutableSandboxedEnvironment):
    code_generator_class = _Compiler
    intercepted_binops = frozenset({"*", "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Prefers members of the data: `order.items` is the list in the data, not a method."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, Namespace):
            return not attr.startswith("_")
        if isinstance(obj, tuple):  # what `groupby` makes
            return attr in ("grouper", "list")
        return attr in _ATTRIBUTES.get(type(obj), ())

    def wrap_str_format(self, value: Any) -> None:
        """Does nothing, because `format` is an attribute that the table does not allow."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            _check_power(left, right)
        else:
            _check_repetition(left, right)
            _check_repetition(right, left)
        return super().call_binop(context, operator, left, right)


@cache
def _environment() -> _Sandbox:
    environment = _Sandbox(
        autoescape=True,
        undefined=StrictUndefined,  # a missing member is an error, not a blank in an invoice
        loader=None,
        optimized=False,  # see `_Compiler`
        cache_size=0,
    )
    environment.filters = {**{name: FILTERS[name] for name in _FILTERS}, **LOCALE_FILTERS}
    environment.globals = {name: environment.globals[name] for name in _GLOBALS}
    return environment


def _bounded(pieces: Iterator[str], max_characters: int) -> Iterator[str]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > max_characters:
            raise _failed(None, f"it becomes more than {max_characters} characters of HTML")
        yield piece


def _check_power(base: Any, exponent: Any) -> None:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > _MAX_POWER_BITS:
        raise OverflowError("the power is too large")


def _check_repetition(repeated: Any, times: Any) -> None:
    if not isinstance(repeated, str | list | tuple) or not isinstance(times, int):
        return
    if len(repeated) * times > _MAX_REPEATED:
        raise OverflowError(f"a repetition may make at most {_MAX_REPEATED} characters or members")


def _failed(line: int | None, reason: str) -> TemplateError:
    where = f"line {line}: " if line else ""
    return TemplateError(where + reason.rstrip("."))


def _line(trace: TracebackType | None) -> int | None:
    """Returns the innermost line of the template, which Jinja2 puts into the traceback."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it calls itself without end"
    text = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    return text[:_MAX_REASON_CHARACTERS]
