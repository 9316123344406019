"""One operation of the API, as its contract describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from api.contract.requests import QueryModel

Guard = Literal["open", "key", "job", "jobs", "batch", "events"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One status: a JSON model, or other media types, or no body at all."""

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
    guard: Guard
    description: str = ""
    """What the summary has no room for."""
    answers: dict[int, Answer]
    problems: dict[int, str] = field(default_factory=dict)
    """Status → which codes, beyond those of every guarded operation."""
    query: type[QueryModel] | None = None
    body: type[BaseModel] | None = None
    documents: tuple[str, ...] = ()
    """Media types of a body that is a document."""
    upload: Mapping[str, Any] | None = None
    """The parts of a body that is `multipart/form-data`, as a JSON Schema."""
    headers: tuple[str, ...] = ()
