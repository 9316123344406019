"""Input and options of a kind against its models, every misfit with its pointer. Pure."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jobs.errors import InvalidInput
from jobs.kinds.pdf_options import problem

T = TypeVar("T", bound=BaseModel)

_MAX_ERRORS = 50
_PLAIN_MESSAGES = {"model_type": "this must be an object", "extra_forbidden": "there is no such member"}


def misfit(kind: str, errors: list[dict[str, str]]) -> InvalidInput:
    """What is raised for all that `validated` and others have found."""
    return InvalidInput(f"The input or the options of this {kind} job do not fit.", errors[:_MAX_ERRORS])


def validated(model: type[T], value: Any, pointer: str, errors: list[dict[str, str]]) -> T | None:
    """The model of `value`; None where it does not fit, and `errors` has grown by the reasons."""
    try:
        return model.model_validate(value)
    except ValidationError as failed:
        for error in failed.errors(include_url=False, include_context=False, include_input=False):
            message = _PLAIN_MESSAGES.get(error["type"], error["msg"].removeprefix("Value error, "))
            errors.append(problem(pointer + "".join(f"/{_escaped(part)}" for part in error["loc"]), message))
        return None


def _escaped(part: str | int) -> str:
    """One reference token of a JSON pointer (RFC 6901 section 3)."""
    return str(part).replace("~", "~0").replace("/", "~1")
