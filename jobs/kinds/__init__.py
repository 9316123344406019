"""Defines what a job kind is. Each built-in kind is a module of this package.

A kind has two sides:

- The *submission side* runs in the web process. `Kind.canonical` checks the input and the options
  of a job and returns the *spec*, which is stored. It must not import anything slow to load.
- The *run side* runs in a worker. `Kind.runner` returns a function that gets the stored spec and
  returns the result.

To add a kind of your own, write a class with the members of `Kind` and name an instance of it in
``PRESSRUN_KINDS`` as ``package.module:attribute``::

    class Greeting:
        name = "greeting"

        def canonical(self, input, options):
            if not isinstance(input, dict) or not isinstance(input.get("name"), str):
                raise InvalidInput.at([{"pointer": "/input/name", "message": "should be a string"}])
            return {"input": {"name": input["name"]}, "options": {}}

        def runner(self, pool):
            async def run(run):
                text = f"Hello {run.spec['input']['name']}"
                return Result(
                    body=text.encode(), content_type="text/plain", filename="hello.txt"
                )

            return run

    GREETING = Greeting()

A kind whose input refers to other things of the tenant, such as a job or a template, looks them up
at submission: see `Pinning`.

A kind that takes passwords or tokens returns them in a third member of the spec, ``secrets``. They
are stored encrypted, and the runner gets them as `Run.secrets`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from jobs.core.errors.job import SourceGone
from jobs.core.job import Claim, Progress, Result
from jobs.kinds.lookups import Lookups
from jobs.render.protocol.messages import OfferedFont

if TYPE_CHECKING:
    from pydantic import BaseModel

    from jobs.render.parent.pool import RenderPool


async def _find_nothing(_key: str) -> Result | None:
    return None


async def _no_fonts() -> Sequence[OfferedFont]:
    return ()


async def _no_result(job_id: str, _max_bytes: int) -> Result:
    raise SourceGone(f"There is no result of {job_id}.")


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at one job: the argument of a runner."""

    claim: Claim
    spec: dict[str, Any]
    """What `Kind.canonical` returned: ``{"input": …, "options": …}``, without ``secrets``."""
    timeout_ms: int
    report: Callable[[Progress], None]
    """Reports progress. Never blocks; the worker sends the latest a few times a second."""
    recall: Callable[[str], Awaitable[Result | None]] = field(default=_find_nothing)
    """Returns the result of an earlier job of the tenant with this `Result.reuse_key`, or None."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Uploaded files by name. The spec has their SHA-256 under ``files``."""
    result_of: Callable[[str, int], Awaitable[Result]] = field(default=_no_result)
    """Returns the result of another job, given its id and a maximum of bytes. Raises SourceGone,
    SourceTooLarge."""
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The member ``secrets`` that `Kind.canonical` returned. They may get into no result, error or
    log."""
    fonts: Callable[[], Awaitable[Sequence[OfferedFont]]] = field(default=_no_fonts)
    """Returns the fonts that the tenant has uploaded, as they are when the attempt begins."""


Runner = Callable[[Run], Awaitable[Result]]
"""Returns the result, or raises `JobError`. When it is cancelled, it stops the work at once."""


class Schemas(NamedTuple):
    """The models with which `Kind.canonical` checks submissions."""

    input: type[BaseModel]
    options: type[BaseModel]


class Kind(Protocol):
    """A kind of job.

    If it also has a method ``schemas() -> Schemas``, ``/openapi.json`` and ``/docs`` describe its
    input and its options in full. Otherwise they describe both as objects.
    """

    @property
    def name(self) -> str:
        """The ``kind`` of a submission, such as ``pdf.render``."""

    def canonical(self, input: Any, options: Any) -> dict[str, Any]:
        """Checks a submission and returns its spec: input and options, without defaults.

        What is secret is in neither, but in a member ``secrets``.

        A kind that takes uploaded files has a third parameter: a mapping of their names to their
        bytes. It is passed only if there are files.

        Raises:
            InvalidInput: with pointers below ``/input`` and ``/options``.
        """

    def runner(self, pool: RenderPool) -> Runner:
        """Returns the run side. `pool` has the worker's render children."""


class Pinning(Kind, Protocol):
    """A kind that looks things up at submission."""

    async def pin(self, spec: dict[str, Any], lookups: Lookups) -> dict[str, Any]:
        """Returns the spec to store: a copy of `spec` with what it refers to, as it is now.

        Returns `spec` itself if it refers to nothing. A retry of the job runs the stored spec and
        looks nothing up again. An idempotency key is compared with `spec`, what `canonical`
        returned: a repeated request is recognised even if a lookup would find something else by
        now.

        Raises:
            RequestError: with the pointer to the reference (see `RequestError.below`).
        """
