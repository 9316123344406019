"""Finds flaws in a template, a schema or data. Runs in the check child (`jobs.checks.checker`).

Sources can take Jinja2 long to compile, `$ref`s can unfold without end, data can have a million
flaws. These functions do not limit that; the processor time of the child is limited instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import jsonschema_rs

from jobs.core.errors.job import TemplateError
from jobs.core.validation_errors import pointer_token
from jobs.render.child.html.template_filling import compiled

Flaw = dict[str, str]
"""One of the errors of `InvalidInput`: ``{"pointer": …, "message": …}``."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_FLAWS = 20
_MAX_MESSAGE_CHARACTERS = 300
_REGEX = jsonschema_rs.RegexOptions()
"""An engine that runs in linear time, and so has no look-around and no back-references."""


def flaws_of_html(html: str, pointer: str) -> list[Flaw]:
    """Returns the first place where `html` is not Jinja2, or does more than a template may."""
    try:
        compiled(html)
    except TemplateError as error:
        return [_flaw(pointer, error.message)]
    return []


def flaws_of_schema(schema: dict[str, Any], pointer: str) -> list[Flaw]:
    """Returns where `schema` is not a JSON Schema (draft 2020-12), or refers to another schema."""
    dialect = schema.get("$schema", DIALECT)
    if dialect != DIALECT:
        return [_flaw(f"{pointer}/$schema", f"should be {DIALECT}, or be left out")]
    try:
        _validator(schema)
    except jsonschema_rs.ValidationError as error:
        return [_explained(pointer, error)]
    except ValueError as error:
        return [_flaw(pointer, str(error))]
    return []


def flaws_of_data(
    schema: dict[str, Any], data: Any, pointer: str, on_misfit: Callable[[], None]
) -> Iterator[Flaw]:
    """Yields where `data` does not fit `schema`. To find all can take long.

    Calls `on_misfit` as soon as it is known that it does not fit.
    """
    validator = _validator(schema)
    if validator.is_valid(data):
        return
    on_misfit()
    for error in islice(validator.iter_errors(data), MAX_FLAWS):
        yield _explained(pointer, error)


def _validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(
        schema, offline=True, validate_formats=True, pattern_options=_REGEX
    )


def _explained(pointer: str, error: jsonschema_rs.ValidationError) -> Flaw:
    path = "".join(map(pointer_token, error.instance_path))
    message = error.message
    if error.kind.name == "$ref":
        message = f"a schema refers to itself alone, and this leads elsewhere or nowhere: {message}"
    elif message.endswith('is not a "regex"'):
        message += ": look-around and back-references are not supported"
    return _flaw(pointer + path, message)


def _flaw(pointer: str, message: str) -> Flaw:
    if len(message) > _MAX_MESSAGE_CHARACTERS:
        half = _MAX_MESSAGE_CHARACTERS // 2
        message = f"{message[:half]} … {message[-half:]}"
    return {"pointer": pointer, "message": message}
