"""A large input is kept if its job was accepted, and removed if it was not, whatever happens in
between, on every artifact store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from jobs.core.errors.request import IdempotencyKeyReused, QueueFull
from jobs.core.errors.store import (
    ArtifactMissing,
    ArtifactsUnavailable,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from jobs.core.ids import new_batch_id, new_job_id
from jobs.core.job import INLINE_INPUT_MAX_BYTES, BatchSubmission, Submission, Submitted
from jobs.store import keys
from jobs.store.artifacts import Artifacts, file_path, input_path
from jobs.store.artifacts.directory import DirectoryArtifacts
from jobs.store.batches import BatchStore
from jobs.store.jobs import JobStore
from jobs.store.queue import JobQueue
from jobs.store.scripts import Scripts
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.runners import instant
from testsupport.waiting import DEADLINE_S

LARGE = b'{"input":{"html":"' + b"x" * INLINE_INPUT_MAX_BYTES + b'"},"options":{}}'
SMALL = b'{"input":{},"options":{}}'
FILES = {"a" * 64: b"first file", "b" * 64: b"second file"}


@pytest.fixture
async def core(redis: Redis, redis_url: str, tmp_path: Path, artifacts_url: str) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path, PRESSRUN_ARTIFACTS_URL=artifacts_url, PRESSRUN_MAX_QUEUED="3")
    yield core
    await core.redis.aclose()


@pytest.fixture
async def in_directory(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Core]:
    core = Core.open(redis_url, tmp_path, PRESSRUN_ARTIFACTS_URL=tmp_path.as_uri())
    yield core
    await core.redis.aclose()


class HeldScripts(Scripts):
    """Holds the script `at`, before it is sent or after it has run."""

    def __init__(self, core: Core, at: str, *, after: bool) -> None:
        super().__init__(core.redis, core.settings)
        self._at = at
        self._after = after
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def call(self, name: str, /, *, rows: Iterable[Mapping[str, Any]] = (), **named: Any) -> Any:
        answer = await super().call(name, rows=rows, **named) if name != self._at or self._after else None
        if name == self._at:
            self.reached.set()
            await self.go_on.wait()
            if not self._after:
                answer = await super().call(name, rows=rows, **named)
        return answer


class HeldArtifacts:
    """Holds every `put`, before or after it has written."""

    def __init__(self, artifacts: Artifacts, *, after: bool, expected: int) -> None:
        self._artifacts = artifacts
        self._after = after
        self._left = expected
        self.reached = asyncio.Event()
        self.check_room = artifacts.check_room
        self.get = artifacts.get
        self.get_range = artifacts.get_range
        self.discard = artifacts.discard

    async def put(self, path: str, body: bytes) -> None:
        if self._after:
            await self._artifacts.put(path, body)
        self._left -= 1
        if not self._left:
            self.reached.set()
        await asyncio.Event().wait()


class FailingScripts(Scripts):
    """Fails at the script `at`, before it is sent or after it has run."""

    def __init__(self, core: Core, at: str, error: StoreError, *, after: bool) -> None:
        super().__init__(core.redis, core.settings)
        self._at = at
        self._error = error
        self._after = after

    async def call(self, name: str, /, *, rows: Iterable[Mapping[str, Any]] = (), **named: Any) -> Any:
        if name == self._at and not self._after:
            raise self._error
        answer = await super().call(name, rows=rows, **named)
        if name == self._at:
            raise self._error
        return answer


def a_job(**fields: Any) -> Submission:
    """A job with a large document and two files."""
    return Submission(job_id=new_job_id(), tenant="acme", kind="test", spec=LARGE, files=FILES, **fields)


def a_batch(**fields: Any) -> BatchSubmission:
    """A batch of a large job, a small one, and a small one with files."""
    batch_id = new_batch_id()
    jobs = tuple(
        Submission(job_id=new_job_id(), tenant="acme", kind="test", spec=spec, files=files, batch_id=batch_id)
        for spec, files in ((LARGE, {}), (SMALL, {}), (SMALL, FILES))
    )
    return BatchSubmission(batch_id=batch_id, tenant="acme", jobs=jobs, **fields)


def jobs_of(whole: Submission | BatchSubmission) -> Sequence[Submission]:
    return [whole] if isinstance(whole, Submission) else whole.jobs


def paths_of(whole: Submission | BatchSubmission) -> list[str]:
    """The paths of all that is written for it."""
    large = [job for job in jobs_of(whole) if job.files or job.spec == LARGE]
    return [input_path("acme", job.job_id) for job in large] + [
        file_path("acme", job.job_id, digest) for job in large for digest in job.files
    ]


async def submit(
    core: Core,
    whole: Submission | BatchSubmission,
    scripts: Scripts | None = None,
    artifacts: Any = None,
) -> Submitted:
    scripts = scripts or Scripts(core.redis, core.settings)
    artifacts = artifacts or core.artifacts
    if isinstance(whole, Submission):
        return await JobStore(core.redis, scripts, artifacts).submit(whole)
    return await BatchStore(scripts, artifacts).submit(whole)


def step_of(whole: Submission | BatchSubmission) -> str:
    """The script that accepts it."""
    return "submit" if isinstance(whole, Submission) else "batch_submit"


async def begun(
    held: HeldScripts | HeldArtifacts, submission: Coroutine[Any, Any, Submitted]
) -> asyncio.Task[Submitted]:
    """Submits until `held` is reached."""
    process = asyncio.create_task(submission)
    async with asyncio.timeout(DEADLINE_S):
        await held.reached.wait()
    return process


async def an_hour_passes(core: Core) -> None:
    for path in await core.redis.zrange(keys.GARBAGE, 0, -1):
        await core.redis.zadd(keys.GARBAGE, {path: 1})
    while await core.queue.sweep():
        pass


async def kept(core: Core, whole: Submission | BatchSubmission) -> list[str]:
    found = []
    for path in paths_of(whole):
        with suppress(ArtifactMissing):
            await core.artifacts.get(path)
            found.append(path)
    return found


async def is_accepted(core: Core, whole: Submission | BatchSubmission) -> bool:
    found = {job is not None for job in await core.store.get_many("acme", [j.job_id for j in jobs_of(whole)])}
    assert len(found) == 1, "all or none"
    return found.pop()


async def assert_accepted_with_inputs_or_neither(
    core: Core, whole: Submission | BatchSubmission, accepted: bool
) -> None:
    assert await is_accepted(core, whole) is accepted
    assert await kept(core, whole) == (paths_of(whole) if accepted else [])


async def assert_it_runs(core: Core, whole: Submission | BatchSubmission) -> None:
    async with Watcher.following(core.redis) as watcher, core.worker({"test": instant}):
        for job in jobs_of(whole):
            if not (await core.store.get("acme", job.job_id)).is_terminal:
                assert (await watcher.terminal(job.job_id)).type == "job.succeeded"


wholes = pytest.mark.parametrize("make", [a_job, a_batch])


@wholes
@pytest.mark.parametrize(
    "point",
    ["noted", "nothing written", "all written", "about to accept", "accepted"],
)
async def test_inputs_of_a_process_that_dies_stay_if_the_jobs_were_accepted_and_go_otherwise(
    core: Core, make: Any, point: str
) -> None:
    whole = make()
    held: Any
    scripts, artifacts = None, None
    if point in ("nothing written", "all written"):
        held = artifacts = HeldArtifacts(
            core.artifacts, after=point == "all written", expected=len(paths_of(whole))
        )
    else:
        held = scripts = HeldScripts(
            core, "inputs_note" if point == "noted" else step_of(whole), after=point != "about to accept"
        )
    process = await begun(held, submit(core, whole, scripts, artifacts))
    process.cancel()
    await asyncio.wait([process])

    before = await kept(core, whole)
    await core.queue.sweep()
    assert await kept(core, whole) == before, "the process may be slow and not dead"
    await an_hour_passes(core)

    accepted = point == "accepted"
    await assert_accepted_with_inputs_or_neither(core, whole, accepted)
    assert await core.redis.zcard(keys.GARBAGE) == 0
    if accepted:
        await assert_it_runs(core, whole)


@wholes
@pytest.mark.parametrize("taken", [True, False])
async def test_inputs_stay_while_nobody_knows_whether_the_jobs_were_accepted(
    core: Core, make: Any, taken: bool
) -> None:
    whole = make()
    with pytest.raises(StoreUnavailable):
        await submit(
            core, whole, FailingScripts(core, step_of(whole), StoreUnavailable("Lost."), after=taken)
        )
    await core.queue.sweep()
    assert await kept(core, whole) == paths_of(whole)

    await an_hour_passes(core)
    await assert_accepted_with_inputs_or_neither(core, whole, taken)
    if taken:
        await assert_it_runs(core, whole)


@wholes
async def test_inputs_go_at_once_if_too_many_jobs_wait(core: Core, make: Any) -> None:
    waiting = [await core.submit() for _ in range(3)]
    whole = make()
    with pytest.raises(QueueFull):
        await submit(core, whole)
    assert await kept(core, whole) == []
    for job in waiting:
        await core.store.cancel("acme", job.id)
    with pytest.raises(StoreUnavailable):  # a sweep may be removing what the first try wrote
        await submit(core, whole)
    while await core.queue.sweep():
        pass
    await submit(core, whole)
    assert await kept(core, whole) == paths_of(whole)
    await assert_it_runs(core, whole)


@wholes
async def test_a_refused_submission_whose_step_arrives_late_is_not_accepted_without_its_inputs(
    core: Core, make: Any
) -> None:
    whole = make()
    late = HeldScripts(core, step_of(whole), after=False)
    process = await begun(late, submit(core, whole, late))
    full = FailingScripts(core, step_of(whole), StoreFull("Full."), after=False)
    with pytest.raises(StoreFull):
        await submit(core, whole, full)
    late.go_on.set()
    with pytest.raises(StoreUnavailable):
        await process
    assert not await is_accepted(core, whole)
    assert await kept(core, whole) == []


@wholes
async def test_inputs_go_at_once_if_the_key_was_used_before(core: Core, make: Any) -> None:
    first = make(idempotency_key="k", content_digest="d1")
    await submit(core, first)
    again, other = (
        make(idempotency_key="k", content_digest="d1"),
        make(idempotency_key="k", content_digest="d2"),
    )
    assert (await submit(core, again)).replayed
    with pytest.raises(IdempotencyKeyReused):
        await submit(core, other)
    assert await kept(core, again) == await kept(core, other) == []
    await an_hour_passes(core)
    assert await kept(core, first) == paths_of(first)


@wholes
@pytest.mark.parametrize("taken", [True, False])
async def test_inputs_go_at_once_if_the_store_is_full_unless_the_jobs_were_accepted(
    core: Core, make: Any, taken: bool
) -> None:
    """The step may be sent twice; then the answer that got lost says that it was taken."""
    whole = make()
    with pytest.raises(StoreFull):
        await submit(core, whole, FailingScripts(core, step_of(whole), StoreFull("Full."), after=taken))
    await assert_accepted_with_inputs_or_neither(core, whole, taken)
    await an_hour_passes(core)
    await assert_accepted_with_inputs_or_neither(core, whole, taken)


async def test_nothing_is_written_if_nothing_can_be_noted(in_directory: Core, tmp_path: Path) -> None:
    for error in (StoreFull("Full."), StoreUnavailable("Lost.")):
        with pytest.raises(type(error)):
            await submit(
                in_directory, a_job(), FailingScripts(in_directory, "inputs_note", error, after=False)
            )
    assert list(tmp_path.iterdir()) == []


@wholes
async def test_inputs_that_took_an_hour_to_write_are_refused(in_directory: Core, make: Any) -> None:
    whole = make()
    scripts = HeldScripts(in_directory, step_of(whole), after=False)
    process = await begun(scripts, submit(in_directory, whole, scripts))
    await an_hour_passes(in_directory)
    scripts.go_on.set()
    with pytest.raises(StoreUnavailable, match="took too long"):
        await process
    assert not await is_accepted(in_directory, whole)


async def test_inputs_of_which_one_cannot_be_written_go_at_once(in_directory: Core, tmp_path: Path) -> None:
    class Refusing(DirectoryArtifacts):
        async def put(self, path: str, body: bytes) -> None:
            if body == b"second file":
                raise ArtifactsUnavailable("No space left.")
            await super().put(path, body)

    whole = a_job()
    with pytest.raises(ArtifactsUnavailable, match="No space left"):
        await submit(in_directory, whole, artifacts=Refusing(tmp_path))
    assert list((tmp_path / "acme").iterdir()) == []
    assert await in_directory.redis.zcard(keys.GARBAGE) == 1, "a write may take effect later"


async def test_a_note_that_arrives_after_the_job_was_accepted_changes_nothing(in_directory: Core) -> None:
    whole = a_job()
    await submit(in_directory, whole)
    scripts = Scripts(in_directory.redis, in_directory.settings)
    for script in ("inputs_note", "inputs_abandon"):
        await scripts.call(script, tenant="acme", rows=[{"id": whole.job_id, "bytes": 1}])
    assert await in_directory.redis.zcard(keys.GARBAGE) == 0


async def test_an_artifact_that_cannot_be_removed_stays_noted_and_stops_no_other(
    in_directory: Core, tmp_path: Path
) -> None:
    class Stubborn(DirectoryArtifacts):
        async def discard(self, paths: Iterable[str]) -> None:
            for path in paths:
                if path == "acme/stays":
                    raise ArtifactsUnavailable("Read-only.")
                await super().discard([path])

    core = in_directory
    for at, name in enumerate(("goes-1", "stays", "goes-2"), 1):
        await core.artifacts.put(f"acme/{name}", b"x")
        await core.redis.zadd(keys.GARBAGE, {f"acme/{name}": at})
    queue = JobQueue(core.redis, Scripts(core.redis, core.settings), Stubborn(tmp_path))
    for _ in range(2):
        with pytest.raises(ArtifactsUnavailable):
            await queue.sweep()
    assert [path.name for path in (tmp_path / "acme").iterdir()] == ["stays"]
    await core.queue.sweep()
    assert list((tmp_path / "acme").iterdir()) == []
    assert await core.redis.zcard(keys.GARBAGE) == 0
