"""All artifact stores behave alike: a directory, an S3 bucket and the store itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore
from redis.asyncio import Redis

from jobs.core.errors.request import BodyTooLarge
from jobs.core.errors.store import ArtifactMissing, ArtifactsUnavailable, ArtifactTooLarge, StoreFull
from jobs.core.settings import Settings
from jobs.store import keys
from jobs.store.artifacts import Artifacts, open_artifacts
from jobs.store.artifacts.directory import DirectoryArtifacts
from jobs.store.artifacts.object import ObjectArtifacts
from jobs.store.artifacts.redis import CHUNK_BYTES, MAX_ARTIFACT_BYTES
from jobs.store.client import connect
from jobs.store.scripts import Scripts
from testsupport.core import Core
from testsupport.event_watcher import Watcher
from testsupport.ports import free_port
from testsupport.runners import instant
from testsupport.waiting import DEADLINE_S

BODY = bytes(range(256)) * (CHUNK_BYTES // 100)
"""More than two chunks."""


@pytest.fixture
async def artifacts(redis: Redis, redis_url: str, artifacts_url: str) -> AsyncIterator[Artifacts]:
    settings = Settings.from_env({"REDIS_URL": redis_url, "PRESSRUN_ARTIFACTS_URL": artifacts_url})
    client = connect(settings)
    yield open_artifacts(settings, Scripts(client, settings))
    await client.aclose()


async def test_an_artifact_is_read_back_whole_and_in_ranges(artifacts: Artifacts) -> None:
    await artifacts.put("acme/job_1.1", BODY)
    assert await artifacts.get("acme/job_1.1") == BODY
    for start, end in ((0, 1), (CHUNK_BYTES - 3, CHUNK_BYTES + 3), (100, len(BODY)), (0, len(BODY))):
        assert await artifacts.get_range("acme/job_1.1", start, end) == BODY[start:end]


async def test_a_second_put_replaces_the_first(artifacts: Artifacts) -> None:
    await artifacts.put("acme/job_1.1", BODY)
    await artifacts.put("acme/job_1.1", b"short")
    assert await artifacts.get("acme/job_1.1") == b"short"


async def test_discard_removes_a_path_and_everything_below_it_and_nothing_else(artifacts: Artifacts) -> None:
    for path in (
        "acme/job_1/0/input",
        "acme/job_1/0/files/a",
        "acme/job_1.1",
        "acme/job_1.11",
        "acme/job_2.1",
    ):
        await artifacts.put(path, BODY)
    for path in ("acme/job_1/0", "acme/job_1/0", "acme/job_1.1", "acme/job_1.1", "acme/never"):
        await artifacts.discard([path])
    for path in ("acme/job_1/0/input", "acme/job_1/0/files/a", "acme/job_1.1"):
        with pytest.raises(ArtifactMissing):
            await artifacts.get(path)
    assert await artifacts.get("acme/job_1.11") == BODY
    await artifacts.put("acme/job_1/0/input", BODY)
    await artifacts.discard(["acme/job_1"])
    with pytest.raises(ArtifactMissing):
        await artifacts.get_range("acme/job_1/0/input", 0, 1)
    for path in ("acme/job_1.11", "acme/job_2.1"):
        assert await artifacts.get(path) == BODY


async def test_discard_removes_artifacts_below_a_path_even_if_deleting_a_missing_one_raises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delete = obstore.delete_async

    async def one_by_one(store: MemoryStore, paths: list[str]) -> None:
        for path in paths:
            await obstore.head_async(store, path)  # raises, as deleting does on Google Cloud Storage
            await delete(store, path)

    monkeypatch.setattr(obstore, "delete_async", one_by_one)
    artifacts = ObjectArtifacts(MemoryStore())
    await artifacts.put("acme/job_1/0/input", BODY)
    await artifacts.discard(["acme/job_1/0"])
    with pytest.raises(ArtifactMissing):
        await artifacts.get("acme/job_1/0/input")


async def test_artifacts_in_the_store_are_counted_and_leave_no_keys_when_discarded(
    redis: Redis, redis_url: str
) -> None:
    settings = Settings.from_env({"REDIS_URL": redis_url, "PRESSRUN_ARTIFACTS_URL": "redis:"})
    client = connect(settings)
    artifacts = open_artifacts(settings, Scripts(client, settings))
    for _ in range(2):
        await artifacts.put("acme/job_1.1", BODY)
    assert int(await redis.get(keys.ARTIFACT_BYTES)) == len(BODY)
    with pytest.raises(ArtifactTooLarge):
        await artifacts.put("acme/job_1.2", bytes(MAX_ARTIFACT_BYTES + 1))
    await artifacts.discard(["acme/job_1.1"])
    assert await redis.keys("*") == [keys.ARTIFACT_BYTES.encode()]
    assert int(await redis.get(keys.ARTIFACT_BYTES)) == 0
    await client.aclose()


async def test_chunks_of_an_interrupted_put_expire(redis: Redis, redis_url: str) -> None:
    """The process ends after it wrote the chunks and before the commit, so no record refers to
    them."""
    settings = Settings.from_env({"REDIS_URL": redis_url, "PRESSRUN_ARTIFACTS_URL": "redis:"})
    client = connect(settings)
    scripts = Scripts(client, settings)

    async def dies(name: str, /, **arguments: object) -> None:
        raise RuntimeError("killed")

    scripts.call = dies  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await open_artifacts(settings, scripts).put("acme/job_1.1", BODY)
    left = await redis.keys("*")
    assert left
    assert all([0 < await redis.ttl(key) <= 600 for key in left])
    await client.aclose()


async def test_jobs_are_refused_while_artifacts_in_the_store_fill_their_quota(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    core = Core.open(redis_url, tmp_path, PRESSRUN_ARTIFACTS_URL="redis:?max_mb=1")
    async with Watcher.following(core.redis) as watcher, core.worker({"test": instant}):
        with pytest.raises(BodyTooLarge):
            await core.submit(spec=bytes(MAX_ARTIFACT_BYTES + 1))
        job = await core.submit(spec=b'{"input":"' + b"x" * 1_100_000 + b'"}')
        assert (await watcher.terminal(job.id)).type == "job.succeeded", (
            "accepted before the quota was reached"
        )
    await core.queue.sweep()  # the input of the succeeded job
    await core.artifacts.put("acme/job_x.1", bytes(1_048_576))
    with pytest.raises(StoreFull):
        await core.submit()
    await core.artifacts.discard(["acme/job_x.1"])
    await core.submit()
    await core.redis.aclose()


async def test_a_put_that_fails_does_not_fail_concurrent_puts(
    tmp_path: Path,
) -> None:
    artifacts = DirectoryArtifacts(tmp_path)
    await artifacts.put("acme/file", b"x")
    puts = [artifacts.put(path, b"y" * 2**20) for path in ("acme/a", "acme/file/below", "acme/b", "acme/c")]
    assert [type(failed) for failed in await asyncio.gather(*puts, return_exceptions=True)] == [
        type(None),
        ArtifactsUnavailable,
        type(None),
        type(None),
    ]
    assert await artifacts.get("acme/c") == b"y" * 2**20


async def test_a_cancelled_put_does_not_cancel_concurrent_puts(tmp_path: Path) -> None:
    artifacts = DirectoryArtifacts(tmp_path)
    cancelled, other = (asyncio.create_task(artifacts.put(path, b"x")) for path in ("acme/a", "acme/b"))
    await asyncio.sleep(0)
    cancelled.cancel()
    await other
    assert await artifacts.get("acme/b") == b"x"


async def test_a_put_with_an_invalid_name_raises_instead_of_waiting_forever(tmp_path: Path) -> None:
    artifacts = DirectoryArtifacts(tmp_path)
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(ValueError, match="null"):
            await artifacts.put("acme/\0", b"x")


async def test_a_bucket_that_is_away_is_told_soon_whatever_is_asked_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_env({"PRESSRUN_ARTIFACTS_URL": "s3://press/documents"})
    artifacts = open_artifacts(settings, Scripts(connect(settings), settings))
    async with asyncio.timeout(DEADLINE_S):
        for asked in (
            artifacts.put("acme/job_1.1", b"x"),
            artifacts.get("acme/job_1.1"),
            artifacts.get_range("acme/job_1.1", 0, 1),
            artifacts.discard(["acme/job_1.1"]),
        ):
            with pytest.raises(ArtifactsUnavailable, match="does not answer, or answers with an error"):
                await asked
