"""Input and options of a kind against its models, every misfit with its pointer. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jobs.errors import InvalidInput
from jobs.kinds.pdf_options import problem

T = TypeVar("T", bound=BaseModel)
InputModel = TypeVar("InputModel", bound=BaseModel)
OptionsModel = TypeVar("OptionsModel", bound=BaseModel)

_MAX_ERRORS = 50
_PLAIN_MESSAGES = {"model_type": "this must be an object", "extra_forbidden": "there is no such member"}
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


def canonical(
    kind: str,
    models: tuple[type[InputModel], type[OptionsModel]],
    input: Any,
    options: Any,
    further: Callable[[InputModel | None, OptionsModel | None], list[dict[str, str]]],
) -> dict[str, Any]:
    """The spec that a submission to `kind` makes, with defaults left out.

    `further` finds what the models cannot say; it gets None for what does not fit its model.

    Raises:
        InvalidInput: with everything that was found.
    """
    errors: list[dict[str, str]] = []
    checked_input = _validated(models[0], input, "/input", errors)
    checked_options = _validated(models[1], {} if options is None else options, "/options", errors)
    errors += further(checked_input, checked_options)
    if errors or checked_input is None or checked_options is None:
        raise InvalidInput(f"The input or the options of this {kind} job do not fit.", errors[:_MAX_ERRORS])
    return {
        "input": checked_input.model_dump(exclude_none=True, by_alias=True),
        "options": checked_options.model_dump(exclude_none=True, by_alias=True),
    }


def _validated(model: type[T], value: Any, pointer: str, errors: list[dict[str, str]]) -> T | None:
    """The model of `value`; None where it does not fit, and `errors` has grown by the reasons."""
    try:
        return model.model_validate(value)
    except ValidationError as failed:
        for error in failed.errors(include_url=False, include_context=False, include_input=False):
            message = _PLAIN_MESSAGES.get(error["type"], error["msg"].removeprefix("Value error, "))
            if (
                error["type"] == "extra_forbidden"
                and len(error["loc"]) == 1
                and error["loc"][0] in BESIDE_OPTIONS
            ):
                message += ": it belongs beside `options`, in the job that `POST /v1/jobs` takes"
            errors.append(problem(pointer + "".join(f"/{_escaped(part)}" for part in error["loc"]), message))
        return None


def _escaped(part: str | int) -> str:
    """One reference token of a JSON pointer (RFC 6901 section 3)."""
    return str(part).replace("~", "~0").replace("/", "~1")
