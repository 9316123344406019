"""Turns pydantic's validation errors into messages with JSON pointers (RFC 6901). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

NO_SUCH_MEMBER = "there is no such member"
_MAX_SUGGESTIONS = 5
"""In one body. Finding close names takes time, and a body may have a million wrong ones."""
_MAX_NAME_CHARACTERS = 64
_NOT_AN_OBJECT = frozenset({"model_type", "dict_type"})


def field_errors(
    error: ValidationError, model: type[BaseModel] | None, below: str = ""
) -> list[dict[str, str]]:
    """Returns every error that pydantic found, with pointers that start with `below`.

    With the `model`, messages about the first unknown names suggest a known name that is close.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {
            "pointer": below + "".join(map(pointer_token, each["loc"])),
            "message": _message(each, model if number < _MAX_SUGGESTIONS else None),
        }
        for number, each in enumerate(found)
    ]


def _message(error: Any, model: type[BaseModel] | None) -> str:
    message: str = error["msg"]
    if error["type"] in _NOT_AN_OBJECT:
        return "a JSON object is expected"
    if error["type"] == "extra_forbidden":
        close = _close_names(error["loc"], model) if model else []
        return NO_SUCH_MEMBER + (f" (did you mean `{close[0]}`?)" if close else "")
    if error["type"] == "value_error":
        return message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _close_names(location: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    name = str(location[-1])
    if len(name) > _MAX_NAME_CHARACTERS:
        return []
    return get_close_matches(name.lower(), _names_beside(location, model), 1)


def _names_beside(location: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    """Returns the names of the members of the object in which `location` is."""
    models = [model]
    for step in location[:-1]:
        if isinstance(step, str):
            models = [inner for each in models for inner in _models_at(step, each)]
    return [field.alias or name for each in models for name, field in each.model_fields.items()]


def _models_at(name: str, model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for field_name, field in model.model_fields.items():
        if name == (field.alias or field_name):
            yield from _models_in(field.annotation)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yields the models that an annotation such as ``list[Attachment] | None`` names."""
    if get_origin(annotation) is None and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def pointer_token(step: str | int) -> str:
    """Returns one reference token of a pointer (RFC 6901 section 3), with its slash."""
    return "/" + str(step).replace("~", "~0").replace("/", "~1")
