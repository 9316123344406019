"""Job kinds: what a worker can do, one file each.

A kind has two sides. The *submission* side (`Kind.canonical`) runs in the web process and imports nothing heavy; the
*run* side (what `Kind.runner` returns) gets the stored spec in a worker. Your own kinds implement `Kind`; name the
import path of an instance (``package.module:attribute``) in ``PRESSRUN_KINDS``.

A kind whose input refers to something else of the tenant (another job, say) looks it up while the job is submitted: see
`Pinning`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from jobs.core.errors.job import SourceGone
from jobs.core.job import Claim, Progress, Result
from jobs.kinds.lookups import Lookups

if TYPE_CHECKING:
    from pydantic import BaseModel

    from jobs.render.parent.pool import RenderPool


Recall = Callable[[str], Awaitable[Result | None]]


ResultOf = Callable[[str, int], Awaitable[Result]]


async def _nothing(_key: str) -> Result | None:
    return None


async def _no_result(job_id: str, _max_bytes: int) -> Result:
    raise SourceGone(f"There is no result of {job_id}.")


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
    result_of: ResultOf = field(default=_no_result)
    """What another job of the tenant produced, if that has at most so many bytes. Raises SourceGone, SourceTooLarge."""


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


class Pinning(Kind, Protocol):
    """A kind that looks things up at submission."""

    async def pin(self, spec: dict[str, Any], lookups: Lookups) -> dict[str, Any]:
        """The spec to store: a new one with what it refers to as it is now; `spec` itself where it refers to nothing.

        `spec` is what `canonical` returned, and an idempotency key goes by that: the same request is recognised when
        something else would be found by now. A retry runs what was pinned and pins nothing anew.

        Raises:
            RequestError: `below` the pointer to what it is about.
        """
