"""Checks the input and the options of a kind against its models. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jobs.core.errors.request import InvalidInput
from jobs.core.validation_errors import NO_SUCH_MEMBER, field_errors

T = TypeVar("T", bound=BaseModel)
InputModel = TypeVar("InputModel", bound=BaseModel)
OptionsModel = TypeVar("OptionsModel", bound=BaseModel)

BESIDE_OPTIONS = frozenset(
    {
        "priority",
        "scheduled_at",
        "expires_in_seconds",
        "max_attempts",
        "timeout_seconds",
        "metadata",
        "tags",
        "webhook_url",
    }
)
"""Members of a submitted job that callers put among its options by mistake."""
_BELONGS_BESIDE = "it belongs beside `options`, in the job that `POST /v1/jobs` takes"


def canonical(
    models: tuple[type[InputModel], type[OptionsModel]],
    input: Any,
    options: Any,
    extra_errors: Callable[[InputModel | None, OptionsModel | None], list[dict[str, str]]],
) -> dict[str, Any]:
    """Checks a submission and returns its spec, without defaults.

    `extra_errors` returns errors that the models cannot express. It gets the checked input and
    options, or None for one that does not fit its model. Raises InvalidInput with all errors.
    """
    errors: list[dict[str, str]] = []
    checked_input = _validated(models[0], input, "/input", errors)
    checked_options = _validated(models[1], {} if options is None else options, "/options", errors)
    errors += extra_errors(checked_input, checked_options)
    if errors or checked_input is None or checked_options is None:
        raise InvalidInput.at(errors)
    return {
        "input": checked_input.model_dump(exclude_none=True, by_alias=True),
        "options": checked_options.model_dump(exclude_none=True, by_alias=True),
    }


def problem(pointer: str, message: str) -> dict[str, str]:
    """Returns one of the errors of `InvalidInput`."""
    return {"pointer": pointer, "message": message}


def _validated(model: type[T], value: Any, pointer: str, errors: list[dict[str, str]]) -> T | None:
    """Returns the model of `value`; None if it does not fit, with the reasons in `errors`."""
    try:
        return model.model_validate(value)
    except ValidationError as failed:
        for error in field_errors(failed, model, pointer):
            is_unknown = error["message"].startswith(NO_SUCH_MEMBER)
            if is_unknown and error["pointer"].removeprefix("/options/") in BESIDE_OPTIONS:
                error["message"] = f"{NO_SUCH_MEMBER}: {_BELONGS_BESIDE}"
            errors.append(error)
        return None
