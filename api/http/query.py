"""The query string of a URL, checked by a model."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict
from starlette.types import Scope

from api.http.problems import checked
from jobs.core.errors.request import InvalidInput

_MAX_PARAMETERS = 20


class QueryModel(BaseModel):
    """Parameters of a URL. Their text is converted, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoQuery(QueryModel):
    """No parameters at all."""


Q = TypeVar("Q", bound=QueryModel)


def read_query(scope: Scope, model: type[Q]) -> Q:
    """Returns the parameters of the URL as an instance of `model`.

    Raises InvalidInput if one is unknown, repeated or not valid; pointers name it.
    """
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:
        raise InvalidInput(
            f"The query string is not UTF-8, or has more than {_MAX_PARAMETERS} parameters."
        ) from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise InvalidInput("The query string has a parameter twice.")
    return checked(model, parameters)


def peek_query(scope: Scope) -> dict[str, str]:
    """Returns the unchecked parameters, for guards; none if they cannot be parsed."""
    try:
        return dict(parse_qsl(scope["query_string"].decode("ascii"), max_num_fields=_MAX_PARAMETERS))
    except ValueError:
        return {}
