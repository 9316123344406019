"""Input and options of a kind against its models, every misfit with its pointer. Pure."""

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
"""Members of the job as it is submitted, which are easily looked for among its options."""
_BELONGS_BESIDE = "it belongs beside `options`, in the job that `POST /v1/jobs` takes"


def canonical(
    models: tuple[type[InputModel], type[OptionsModel]],
    input: Any,
    options: Any,
    further: Callable[[InputModel | None, OptionsModel | None], list[dict[str, str]]],
) -> dict[str, Any]:
    """The spec that a submission makes, with defaults left out.

    `further` finds what the models cannot say; it gets None for what does not fit its model.

    Raises:
        InvalidInput: with everything that was found.
    """
    errors: list[dict[str, str]] = []
    checked_input = _validated(models[0], input, "/input", errors)
    checked_options = _validated(models[1], {} if options is None else options, "/options", errors)
    errors += further(checked_input, checked_options)
    if errors or checked_input is None or checked_options is None:
        raise InvalidInput.at(errors)
    return {
        "input": checked_input.model_dump(exclude_none=True, by_alias=True),
        "options": checked_options.model_dump(exclude_none=True, by_alias=True),
    }


def _validated(model: type[T], value: Any, pointer: str, errors: list[dict[str, str]]) -> T | None:
    """The model of `value`; None where it does not fit, and `errors` has grown by the reasons."""
    try:
        return model.model_validate(value)
    except ValidationError as failed:
        for misfit in field_errors(failed, model, pointer):
            is_unknown = misfit["message"].startswith(NO_SUCH_MEMBER)
            if is_unknown and misfit["pointer"].removeprefix("/options/") in BESIDE_OPTIONS:
                misfit["message"] = f"{NO_SUCH_MEMBER}: {_BELONGS_BESIDE}"
            errors.append(misfit)
        return None
