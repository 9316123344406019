"""Fonts in the store: put, replace, delete, limits, and what a crash leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from jobs.core.errors.request import BodyTooLarge, FontLimit, FontNotFound, TenantBytesUsed
from jobs.core.errors.store import ArtifactMissing, StoreUnavailable
from jobs.fonts.font import MAX_FONT_BYTES, Font, FontFacts
from jobs.fonts.font_store import FontStore
from jobs.fonts.tenant_fonts import TenantFonts
from jobs.store import keys
from jobs.store.artifacts.kept_bytes import read_kept_bytes
from jobs.store.scripts import Scripts
from testsupport.core import Core, now_ms
from testsupport.dying_artifacts import DyingArtifacts, Interrupted

FACTS = FontFacts(
    families=["Acme"], weight="400", style="normal", format="woff", embedding="editable", may_be_subset=True
)


@pytest.fixture(params=["file", "redis"])
async def core(
    redis: Redis, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Core]:
    place = {"PRESSRUN_ARTIFACTS_URL": "redis:"} if request.param == "redis" else {}
    core = Core.open(redis_url, tmp_path, PRESSRUN_MAX_TENANT_BYTES=str(2**20), **place)
    yield core
    await core.redis.aclose()


async def put(core: Core, name: str = "acme", file: bytes = b"file", content: bytes = b"content") -> Font:
    return (await core.fonts.put("acme", name, file, FACTS, content))[0]


async def names(core: Core, tenant: str = "acme") -> list[str]:
    return [font.name for font in (await core.fonts.all(tenant)).fonts]


async def revision(core: Core) -> str:
    return (await core.fonts.all("acme")).revision


async def garbage(core: Core) -> list[str]:
    return [prefix.decode() for prefix in await core.redis.zrange(keys.GARBAGE, 0, -1)]


async def kept(core: Core) -> int:
    counted = (await read_kept_bytes(core.redis)).get("acme", 0)
    assert counted == sum(map(int, await core.redis.hvals(keys.KEPT + "acme")))
    return counted


async def sweep(core: Core) -> None:
    while await core.queue.sweep():
        pass


async def an_hour_passes(core: Core) -> None:
    for prefix in await core.redis.zrange(keys.GARBAGE, 0, -1):
        await core.redis.zadd(keys.GARBAGE, {prefix: 1})
    await sweep(core)


async def is_gone(core: Core, font: Font) -> bool:
    try:
        await core.fonts.content(font)
    except ArtifactMissing:
        return True
    return False


async def test_a_font_is_put_read_and_deleted(core: Core) -> None:
    font, is_new = await core.fonts.put("acme", "acme-bold", b"file", FACTS, b"content")
    assert is_new
    assert (font.name, font.facts, font.kept_bytes) == ("acme-bold", FACTS, 7)
    assert abs(font.created_ms - await now_ms(core.redis)) < 60_000
    assert await core.fonts.get("acme", "acme-bold") == font
    assert await core.fonts.content(font) == b"content"
    assert await garbage(core) == []

    await core.fonts.delete("acme", "acme-bold")
    for missing in (core.fonts.get, core.fonts.delete):
        with pytest.raises(FontNotFound):
            await missing("acme", "acme-bold")
    assert await core.redis.exists(keys.FONTS + "acme") == 0


async def test_fonts_are_listed_by_name_and_belong_to_their_tenant(core: Core) -> None:
    for name in ("b", "a", "c"):
        await put(core, name, name.encode())
    assert await names(core) == ["a", "b", "c"]
    assert await names(core, "globex") == []
    with pytest.raises(FontNotFound):
        await core.fonts.get("globex", "a")
    with pytest.raises(FontNotFound):
        await core.fonts.delete("globex", "a")


async def test_only_the_same_file_under_the_same_name_is_found_again(core: Core) -> None:
    font = await put(core, "a")
    assert await core.fonts.find_same("acme", "a", b"file") == font
    assert await core.fonts.find_same("acme", "a", b"other") is None
    assert await core.fonts.find_same("acme", "b", b"file") is None
    assert await core.fonts.find_same("globex", "a", b"file") is None
    with pytest.raises(BodyTooLarge, match=r"may have 33,554,432"):
        await core.fonts.find_same("acme", "a", bytes(MAX_FONT_BYTES + 1))


async def test_the_revision_changes_with_each_change_and_never_comes_again(core: Core) -> None:
    seen = [await revision(core)]
    await put(core, "a", b"1")
    seen.append(await revision(core))
    await put(core, "a", b"2")
    seen.append(await revision(core))
    await put(core, "b", b"1")
    seen.append(await revision(core))
    await core.fonts.delete("acme", "b")
    seen.append(await revision(core))
    await core.fonts.delete("acme", "a")
    assert (seen[0], await revision(core)) == ("", "")
    await put(core, "a", b"1")
    seen.append(await revision(core))
    assert len(set(seen)) == len(seen)
    await put(core, "a", b"1")
    assert await revision(core) == seen[-1], "the same file is no change"


async def test_a_claim_has_the_revision_of_the_fonts_of_its_tenant(core: Core) -> None:
    await put(core)
    for tenant in ("acme", "globex"):
        await core.submit(tenant=tenant)
    claims = (await core.queue.claim(2)).claims
    assert {claim.tenant: claim.fonts for claim in claims} == {"acme": await revision(core), "globex": ""}


@pytest.mark.parametrize("change", ["replaced", "deleted"])
async def test_the_content_of_a_font_that_goes_stays_for_an_hour(core: Core, change: str) -> None:
    old = await put(core)
    if change == "replaced":
        assert (await core.fonts.put("acme", "acme", b"new", FACTS, b"new content"))[1] is False
    else:
        await core.fonts.delete("acme", "acme")
    await sweep(core)
    assert await core.fonts.content(old) == b"content", "a render that has begun may read it"
    (due,) = [score for _, score in await core.redis.zrange(keys.GARBAGE, 0, -1, withscores=True)]
    assert due > await now_ms(core.redis) + 3_000_000
    await an_hour_passes(core)
    assert await is_gone(core, old)
    assert await names(core) == (["acme"] if change == "replaced" else [])


async def test_a_tenant_may_have_so_many_fonts_and_replace_them(core: Core) -> None:
    fonts = FontStore(Scripts(core.redis, core.settings), core.artifacts, max_fonts=2)
    for name in ("a", "b"):
        await fonts.put("acme", name, b"1", FACTS, b"content")
    with pytest.raises(FontLimit, match="There are 2 fonts"):
        await fonts.put("acme", "c", b"1", FACTS, b"content")
    await fonts.put("acme", "a", b"2", FACTS, b"content")
    await fonts.put("globex", "c", b"1", FACTS, b"content")
    await fonts.delete("acme", "b")
    await fonts.put("acme", "c", b"1", FACTS, b"content")
    assert await names(core) == ["a", "c"]


async def test_fonts_put_at_the_same_time_are_all_there_and_counted(core: Core) -> None:
    puts = [put(core, name, name.encode(), name.encode() * 100) for name in "abcdefgh"]
    puts += [put(core, "same", b"same", b"same" * 100) for _ in range(4)]
    puts += [put(core, "changed", bytes([n]), b"x" * 100) for n in range(4)]
    await asyncio.gather(*puts)
    assert await names(core) == sorted([*"abcdefgh", "changed", "same"])
    assert await kept(core) == 8 * 100 + 400 + 100
    await an_hour_passes(core)
    for font in (await core.fonts.all("acme")).fonts:
        assert len(await core.fonts.content(font)) == font.kept_bytes


# --- what a tenant keeps


async def test_fonts_count_as_long_as_they_are_there(core: Core) -> None:
    await put(core, "a", b"1", b"x" * 1000)
    await put(core, "b", b"1", b"x" * 500)
    assert await kept(core) == 1500
    await put(core, "a", b"2", b"x" * 300)
    assert await kept(core) == 800
    await core.fonts.delete("acme", "b")
    assert await kept(core) == 300
    await core.fonts.delete("acme", "a")
    assert await core.redis.exists(keys.KEPT + "acme", keys.KEPT_BYTES) == 0


async def test_a_font_over_the_limit_is_refused_and_leaves_nothing(core: Core) -> None:
    await put(core, "a", b"1", b"x" * 600_000)
    with pytest.raises(TenantBytesUsed):
        await put(core, "b", b"1", b"x" * 600_000)
    assert (await names(core), await kept(core)) == (["a"], 600_000)
    await core.fonts.put("globex", "b", b"1", FACTS, b"x" * 600_000)
    assert await garbage(core) == []


async def test_what_a_process_of_an_earlier_release_did_not_count_is_set_right(core: Core) -> None:
    font = await put(core, "a", b"1", b"x" * 1000)
    await core.submit()  # so that the tenant has a log
    await core.redis.hdel(keys.KEPT + "acme", "font:a")
    await core.redis.delete(keys.KEPT_BYTES)
    await core.queue.recount()
    assert await kept(core) == 1000
    await core.redis.hset(keys.KEPT + "acme", "font:gone", 7)
    await core.redis.hincrby(keys.KEPT_BYTES, "acme", 7)
    await core.queue.recount()
    assert await kept(core) == font.kept_bytes


# --- crashes


@pytest.mark.parametrize("after", [False, True])
async def test_a_put_that_dies_before_its_font_is_written_leaves_only_garbage(
    core: Core, after: bool
) -> None:
    before = await put(core)
    dying: Any = DyingArtifacts(core.artifacts, after)
    with pytest.raises(Interrupted):
        await FontStore(Scripts(core.redis, core.settings), dying).put("acme", "acme", b"new", FACTS, b"new")
    assert await core.fonts.get("acme", "acme") == before
    assert await kept(core) == before.kept_bytes
    (prefix,) = await garbage(core)
    await an_hour_passes(core)
    with pytest.raises(ArtifactMissing):
        await core.artifacts.get(f"{prefix}/content")
    assert await core.fonts.content(before) == b"content"
    assert await garbage(core) == []


async def test_repeating_a_put_whose_answer_was_lost_changes_nothing(core: Core) -> None:
    scripts = Scripts(core.redis, core.settings)
    before = await put(core, "b")

    async def write(name: str, font_id: str) -> Any:
        await scripts.call("inputs_note", tenant="acme", rows=[{"id": f"font_{font_id}", "bytes": 2}])
        arguments = {
            "tenant": "acme",
            "name": name,
            "id": font_id,
            "digest": font_id,
            "facts": FACTS.model_dump_json(),
            "path": f"acme/font_{font_id}/content",
            "bytes": 2,
            "prefix": f"acme/font_{font_id}",
            "max_fonts": 10,
        }
        first = await scripts.call("font_put", **arguments)
        state = await core.redis.hgetall(keys.FONTS + "acme"), await garbage(core), await kept(core)
        assert await scripts.call("font_put", **arguments) == first
        assert (await core.redis.hgetall(keys.FONTS + "acme"), await garbage(core), await kept(core)) == state
        return first[0]

    assert await write("a", "01X") == b"created"
    assert await write("b", "01Y") == b"replaced"
    assert await garbage(core) == [before.path.removesuffix("/content")]


async def test_a_put_whose_content_was_swept_before_the_commit_makes_no_font(core: Core) -> None:
    class LateScripts(Scripts):
        async def call(self, name: str, /, *values: Any, **arguments: Any) -> Any:
            if name == "font_put":
                await an_hour_passes(core)
            return await super().call(name, *values, **arguments)

    late = FontStore(LateScripts(core.redis, core.settings), core.artifacts)
    with pytest.raises(StoreUnavailable, match="took too long"):
        await late.put("acme", "acme", b"file", FACTS, b"content")
    assert await names(core) == []


# --- in a worker


class CountingStore(FontStore):
    """Counts what is read."""

    def __init__(self, core: Core) -> None:
        super().__init__(Scripts(core.redis, core.settings), core.artifacts)
        self.lists = self.contents = 0

    async def all(self, tenant: str) -> Any:
        self.lists += 1
        return await super().all(tenant)

    async def content(self, font: Font) -> bytes:
        self.contents += 1
        return await super().content(font)


async def test_a_worker_reads_a_list_again_only_if_it_has_changed(core: Core) -> None:
    store = CountingStore(core)
    fonts = TenantFonts(store)
    await put(core, "a")
    for _ in range(2):
        assert [font.name for font in (await fonts.of("acme", await revision(core))).fonts] == ["a"]
    assert store.lists == 1
    await put(core, "b")
    assert len((await fonts.of("acme", await revision(core))).fonts) == 2
    assert store.lists == 2


async def test_a_worker_keeps_contents_up_to_a_limit(core: Core) -> None:
    store = CountingStore(core)
    fonts = TenantFonts(store, max_content_bytes=25)
    a, b, c = [await put(core, name, name.encode(), name.encode() * 10) for name in "abc"]
    for font in (a, b, a, c, a):
        assert await fonts.content(font) == font.name.encode() * 10
    assert store.contents == 3
    await fonts.content(b)
    assert store.contents == 4
