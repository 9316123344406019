"""Templates in the store: versions, small and large content, and what a crash leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from jobs.core.errors.request import InvalidInput, TemplateLimit, TemplateNotFound
from jobs.core.errors.store import ArtifactMissing, StoreUnavailable
from jobs.core.job import INLINE_INPUT_MAX_BYTES
from jobs.store import keys
from jobs.store.scripts import Scripts
from jobs.templates.template import TemplateContent
from jobs.templates.template_store import TemplateStore
from testsupport.core import Core
from testsupport.dying_artifacts import DyingArtifacts, Interrupted


@pytest.fixture(params=["file", "redis"])
async def core(
    redis: Redis, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Core]:
    place = {"PRESSRUN_ARTIFACTS_URL": "redis:"} if request.param == "redis" else {}
    core = Core.open(redis_url, tmp_path, **place)
    yield core
    await core.redis.aclose()


@pytest.fixture
def templates(core: Core) -> TemplateStore:
    return TemplateStore(Scripts(core.redis, core.settings), core.artifacts)


def small(html: str = "<p>small") -> TemplateContent:
    return TemplateContent(html=html, schema={"type": "object"}, sample_data={"ü": None}, description="ß")


def large(letter: str = "x") -> TemplateContent:
    return TemplateContent(html="<p>" + letter * INLINE_INPUT_MAX_BYTES)


async def garbage(core: Core) -> list[str]:
    return [prefix.decode() for prefix in await core.redis.zrange(keys.GARBAGE, 0, -1)]


async def an_hour_passes(core: Core) -> None:
    for prefix in await core.redis.zrange(keys.GARBAGE, 0, -1):
        await core.redis.zadd(keys.GARBAGE, {prefix: 1})
    while await core.queue.sweep():
        pass


async def test_versions_count_up_and_never_change(core: Core, templates: TemplateStore) -> None:
    contents = [small("1"), large(), small("3")]
    for number, content in enumerate(contents, 1):
        version, is_new = await templates.put("acme", "letter", content)
        assert (version.version, is_new) == (number, True)
    for number, content in enumerate(contents, 1):
        assert (await templates.get("acme", "letter", number)).content == content
    newest = await templates.get("acme", "letter")
    assert (newest.head.version, newest.content, newest.head.description) == (3, small("3"), "ß")
    for missing in (0, 4, 10**9):
        with pytest.raises(TemplateNotFound):
            await templates.get("acme", "letter", missing)
    assert await garbage(core) == []


@pytest.mark.parametrize("content", [small(), large()])
async def test_putting_the_newest_content_again_makes_no_version_but_older_content_does(
    core: Core, templates: TemplateStore, content: TemplateContent
) -> None:
    assert (await templates.put("acme", "letter", content))[1]
    again, is_new = await templates.put("acme", "letter", content)
    assert (again.version, is_new) == (1, False)
    await templates.put("acme", "letter", small("other"))
    back, is_new = await templates.put("acme", "letter", content)
    assert (back.version, is_new) == (3, True)


async def test_version_numbers_continue_after_a_deletion(core: Core, templates: TemplateStore) -> None:
    for content in (small("1"), large(), large("y")):
        await templates.put("acme", "letter", content)
    await templates.delete("acme", "letter")
    with pytest.raises(TemplateNotFound):
        await templates.get("acme", "letter")
    with pytest.raises(TemplateNotFound):
        await templates.delete("acme", "letter")
    assert (await templates.page("acme", 10, None))[0] == []

    prefixes = await garbage(core)
    assert len(prefixes) == 2
    await an_hour_passes(core)
    for prefix in prefixes:
        with pytest.raises(ArtifactMissing):
            await core.artifacts.get(f"{prefix}0/content")

    version, is_new = await templates.put("acme", "letter", small("1"))
    assert (version.version, is_new) == (4, True)
    with pytest.raises(TemplateNotFound):
        await templates.get("acme", "letter", 1)
    found, _ = await templates.versions("acme", "letter", 10, None)
    assert [each.version for each in found] == [4]


async def test_different_contents_put_at_the_same_time_get_different_numbers(
    templates: TemplateStore,
) -> None:
    puts = [templates.put("acme", "letter", large(letter)) for letter in "abcdefgh"]
    versions = [version.version for version, _ in await asyncio.gather(*puts)]
    assert sorted(versions) == list(range(1, 9))


async def test_concurrent_puts_of_the_same_content_make_one_version(
    core: Core, templates: TemplateStore
) -> None:
    outcomes = await asyncio.gather(*(templates.put("acme", "letter", large()) for _ in range(5)))
    assert [version.version for version, _ in outcomes] == [1] * 5
    assert [is_new for _, is_new in outcomes].count(True) == 1
    kept = (await templates.get("acme", "letter")).content
    await an_hour_passes(core)
    assert (await templates.get("acme", "letter")).content == kept, "only what lost is swept"


async def test_templates_are_listed_by_name_and_versions_newest_first(templates: TemplateStore) -> None:
    for name in ("b", "a", "c-1", "c"):
        await templates.put("acme", name, small())
    await templates.put("globex", "d", small())
    first, cursor = await templates.page("acme", 3, None)
    rest, end = await templates.page("acme", 3, cursor)
    assert [each.name for each in [*first, *rest]] == ["a", "b", "c", "c-1"]
    assert end is None
    assert (await templates.page("acme", 4, None))[1] is None

    for number in range(5):
        await templates.put("acme", "many", small(str(number)))
    newest, cursor = await templates.versions("acme", "many", 3, None)
    older, end = await templates.versions("acme", "many", 3, cursor)
    assert [each.version for each in [*newest, *older]] == [5, 4, 3, 2, 1]
    assert end is None
    with pytest.raises(TemplateNotFound):
        await templates.versions("globex", "many", 3, None)


@pytest.mark.parametrize("cursor", ["A", "", "a b", "-"])
async def test_an_invalid_cursor_is_refused(templates: TemplateStore, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        await templates.page("acme", 3, cursor)
    with pytest.raises(InvalidInput):
        await templates.versions("acme", "letter", 3, cursor)


async def test_names_of_a_tenant_and_versions_of_a_template_are_limited(core: Core) -> None:
    scripts = Scripts(core.redis, core.settings)
    templates = TemplateStore(scripts, core.artifacts, max_names=2, max_versions=2)
    await templates.put("acme", "a", small("1"))
    await templates.put("acme", "b", small("1"))
    with pytest.raises(TemplateLimit, match="2 names"):
        await templates.put("acme", "c", large())
    await templates.put("acme", "a", small("2"))
    with pytest.raises(TemplateLimit, match="2 versions"):
        await templates.put("acme", "a", large())
    assert (await templates.put("acme", "a", small("2")))[1] is False
    await templates.delete("acme", "a")
    assert (await templates.put("acme", "a", small("3")))[0].version == 3
    await an_hour_passes(core)
    artifacts = await core.redis.keys(f"{keys.ARTIFACTS}*")
    assert artifacts == [], "what was refused left nothing"


# --- crashes


@pytest.mark.parametrize("after", [False, True])
async def test_a_put_that_dies_before_its_version_is_written_leaves_only_garbage(
    core: Core, templates: TemplateStore, after: bool
) -> None:
    await templates.put("acme", "letter", small())
    dying: Any = DyingArtifacts(core.artifacts, after)
    with pytest.raises(Interrupted):
        await TemplateStore(Scripts(core.redis, core.settings), dying).put("acme", "letter", large())
    assert (await templates.get("acme", "letter")).head.version == 1
    (prefix,) = await garbage(core)
    assert await core.redis.zscore(keys.GARBAGE, prefix) > (await core.redis.time())[0] * 1000 + 3_000_000
    await an_hour_passes(core)
    with pytest.raises(ArtifactMissing):
        await core.artifacts.get(f"{prefix}0/content")
    assert await garbage(core) == []
    # The version number was not used up.
    assert (await templates.put("acme", "letter", large()))[0].version == 2


async def test_repeating_a_put_whose_answer_was_lost_returns_its_version(
    core: Core, templates: TemplateStore
) -> None:
    scripts = Scripts(core.redis, core.settings)
    arguments = {
        "tenant": "acme",
        "name": "letter",
        "id": "01X",
        "digest": "digest",
        "description": '""',
        "content": "{}",
        "path": None,
        "bytes": 2,
        "prefix": None,
        "max_names": 10,
        "max_versions": 10,
    }
    first = await scripts.call("template_put", **arguments)
    again = await scripts.call("template_put", **arguments)
    assert first == again
    assert first[:2] == [b"created", 1]
    other = await scripts.call("template_put", **arguments | {"id": "01Y"})
    assert other[:2] == [b"same", 1]


async def test_a_put_whose_content_was_swept_before_the_commit_makes_no_version(
    core: Core, templates: TemplateStore
) -> None:
    class LateScripts(Scripts):
        async def call(self, name: str, /, *values: Any, **arguments: Any) -> Any:
            if name == "template_put":
                await an_hour_passes(core)
            return await super().call(name, *values, **arguments)

    late = TemplateStore(LateScripts(core.redis, core.settings), core.artifacts)
    with pytest.raises(StoreUnavailable, match="took too long"):
        await late.put("acme", "letter", large())
    with pytest.raises(TemplateNotFound):
        await templates.get("acme", "letter")
