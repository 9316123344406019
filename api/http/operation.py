"""Declares operations of the API: who may call them, what they take, and what they answer.

A declaration is a decorator on the handler. `api.http.endpoint` checks requests by it, and
`api.contract.openapi` describes the API by it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_type_hints

from pydantic import BaseModel
from starlette.requests import Request

from api.http.body import BodyFormat, RequestModel, json_body
from api.http.query import NoQuery, QueryModel

Guard = Literal["open", "key", "operator", "job", "jobs", "batch", "events"]
"""Who may call: everybody, holders of an API key, holders of an operator key, or holders of an API
key and, to read, of a token for the job or batch in the path, for the jobs, or for the events."""

Reader = Callable[[Request], Any]
"""Returns a checked value from the path or the headers. Raises RequestError."""

_GIVEN = frozenset({"request", "caller", "found", "return"})
"""Parameters of a handler that need no declaration."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One status: with a JSON model, other media types, or no body at all."""

    description: str
    model: type[BaseModel] | None = None
    media_types: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    method: str
    path: str
    id: str
    summary: str
    description: str
    guard: Guard
    headers: tuple[str, ...]
    """Request headers that have an effect, besides those of every operation."""
    answers: Mapping[int, Answer | str]
    """By status. A string holds the codes of a problem, besides those of guard, query and body."""
    takes: tuple[str, ...]
    path_values: Mapping[str, Reader]
    header_values: Mapping[str, Reader]
    query: type[QueryModel] | None
    """None if any query is ignored."""
    find: Callable[..., Awaitable[Any]] | None
    body: BodyFormat | None


H = TypeVar("H", bound=Callable[..., Awaitable[Any]])


def operation(
    route: str,
    answers: Mapping[int, Answer | str],
    *,
    guard: Guard = "key",
    headers: tuple[str, ...] = (),
    find: Callable[..., Awaitable[Any]] | None = None,
    ignores_query: bool = False,
) -> Callable[[H], H]:
    """Declares a handler, a method of a class in `api.routes`, as the operation `METHOD path`.

    Its name and its docstring are published: `list_jobs` is the operation `listJobs`, the first
    line of the docstring is the summary, and the rest the description.

    What the handler takes is read off its parameters, once, at import:

    - `request` and `caller`;
    - `query: SomeQuery` holds the parameters of the URL. Without it, the operation accepts none,
      unless it `ignores_query`;
    - `body: SomeRequest` is a JSON body, `body: Annotated[T, BodyFormat(…)]` another one;
    - `found` is what `find(self, request, caller)` returns. It runs between the checks of query
      and body, and raises NotFound if the path names nothing;
    - every other parameter is `Annotated[T, reader]`: a value from the path, if the path has a
      parameter of this name, or else from the headers.
    """
    method, path = route.split(" ")
    if method != "GET" and guard not in ("open", "key"):
        raise ValueError(f"{route}: tokens may only read, so its guard is an API key")

    def declare(handler: H) -> H:
        hints = get_type_hints(handler, include_extras=True)
        first, *more = handler.__name__.split("_")
        summary, _, description = (inspect.getdoc(handler) or "").partition("\n\n")
        readers: dict[str, Reader] = {
            name: hint.__metadata__[0]
            for name, hint in hints.items()
            if name not in _GIVEN and name not in ("query", "body")
        }
        handler.__dict__["operation"] = Operation(
            method=method,
            path=path,
            id=first + "".join(map(str.capitalize, more)),
            summary=summary.removesuffix("."),
            description=description.replace("\n", " "),
            guard=guard,
            headers=headers,
            answers=answers,
            takes=tuple(name for name in hints if name != "return"),
            path_values={name: read for name, read in readers.items() if f"{{{name}}}" in path},
            header_values={name: read for name, read in readers.items() if f"{{{name}}}" not in path},
            query=None if ignores_query else hints.get("query", NoQuery),
            find=find,
            body=_body_format(hints["body"]) if "body" in hints else None,
        )
        return handler

    return declare


def _body_format(hint: Any) -> BodyFormat:
    if isinstance(hint, type) and issubclass(hint, RequestModel):
        return json_body(hint)
    declared: BodyFormat = hint.__metadata__[0]
    return declared
