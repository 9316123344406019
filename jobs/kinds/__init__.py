"""Job kinds: what a worker can do, one file each.

A kind has two sides. The *submission* side (`Kind.canonical`) runs in the web process and imports nothing heavy; the
*run* side (what `Kind.runner` returns) gets the stored spec in a worker. Your own kinds implement `Kind`; name the
import path of an instance (``package.module:attribute``) in ``PRESSRUN_KINDS``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from jobs.job import Claim, Progress, Result

if TYPE_CHECKING:
    from pydantic import BaseModel

    from jobs.render.pool import RenderPool


Recall = Callable[[str], Awaitable[Result | None]]


async def _nothing(_key: str) -> Result | None:
    return None


@dataclass(frozen=True, slots=True)
class Run:
    """What a runner gets: one attempt at one job."""

    claim: Claim
    spec: dict[str, Any]
    """As `Kind.canonical` returned it: ``{"input": …, "options": …}``."""
    timeout_ms: int
    report: Callable[[Progress], None]
    """Says how far the run is. Never blocks; the worker conflates and sends at most a few a second."""
    recall: Recall = field(default=_nothing)
    """The result of an earlier job of the same tenant that had this `Result.reuse_key`; None where there is none."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What was uploaded with the job, by name. The spec has the SHA-256 of each under ``files``."""


Runner = Callable[[Run], Awaitable[Result]]
"""Does the work. Raises `JobError` when the attempt failed; cancelling it must stop the work at once."""


class Schemas(NamedTuple):
    """What a kind's submissions look like: the models that `Kind.canonical` checks them with."""

    input: type[BaseModel]
    options: type[BaseModel]


class Kind(Protocol):
    """A kind of job.

    One that also has a method ``schemas() -> Schemas`` is described by ``/openapi.json`` and ``/docs`` down to its
    last option; of others they say only that input and options are objects.
    """

    @property
    def name(self) -> str:
        """Such as ``pdf.render``: what a submission says."""

    def canonical(self, input: Any, options: Any) -> dict[str, Any]:
        """The validated ``{"input": …, "options": …}`` to store; defaults are left out.

        A kind that takes uploaded files has a third parameter for their names, given only where there are any.

        Raises:
            InvalidInput: with pointers below ``/input`` and ``/options``.
        """

    def runner(self, pool: RenderPool) -> Runner:
        """The run side, given the worker's render children."""
