"""`/v1/fonts`."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from api.app import Api
from jobs.fonts.font import MAX_FONT_BYTES, MAX_FONTS
from jobs.store import keys
from tests.integration.api.test_bad_input import assert_problem
from testsupport.own_font import own_font, packed

URL = "/v1/fonts/acme-bold"
FONT = own_font(500, "Acme Sans", style="Bold", weight=700)


async def put(client: httpx.AsyncClient, file: bytes = FONT, url: str = URL, type: str = "font/ttf") -> Any:
    return await client.put(url, content=file, headers={"content-type": type})


async def test_a_font_is_put_read_and_deleted(client: httpx.AsyncClient) -> None:
    answer = await put(client)
    font = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, URL)
    assert font.pop("created_at").endswith("Z")
    assert font == {
        "name": "acme-bold",
        "families": ["Acme Sans"],
        "weight": "700",
        "style": "normal",
        "format": "ttf",
        "embedding": "preview_and_print",
        "may_be_subset": True,
        "bytes": len(FONT),
        "digest": hashlib.sha256(FONT).hexdigest(),
    }
    again = await put(client)
    assert (again.status_code, again.json()) == (200, answer.json())
    assert "location" not in again.headers
    assert (await client.get(URL)).json() == answer.json()

    replaced = await put(client, own_font(700, "Acme Serif"))
    assert (replaced.status_code, replaced.json()["families"]) == (200, ["Acme Serif"])
    assert (await client.get("/v1/fonts")).json() == {"items": [replaced.json()], "next_cursor": None}

    deleted = await client.delete(URL)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for method in ("GET", "DELETE"):
        assert_problem(await client.request(method, URL), 404, "font_not_found")


async def test_fonts_are_listed_in_pages(client: httpx.AsyncClient) -> None:
    for name in ("c", "a", "b"):
        await put(client, url=f"/v1/fonts/{name}")
    first = (await client.get("/v1/fonts?limit=2")).json()
    assert [font["name"] for font in first["items"]] == ["a", "b"]
    rest = (await client.get(f"/v1/fonts?limit=2&cursor={first['next_cursor']}")).json()
    assert ([font["name"] for font in rest["items"]], rest["next_cursor"]) == (["c"], None)
    assert_problem(await client.get("/v1/fonts?cursor=No"), 422, "invalid_input")


@pytest.mark.parametrize(
    ("flavor", "type"),
    [("woff", "font/woff"), ("woff2", "font/woff2"), ("woff2", "application/octet-stream")],
)
async def test_a_packed_font_is_kept_unpacked(client: httpx.AsyncClient, flavor: str, type: str) -> None:
    file = packed(FONT, flavor)
    font = (await put(client, file, type=type)).json()
    assert (font["format"], font["digest"]) == (flavor, hashlib.sha256(file).hexdigest())
    assert font["bytes"] > len(file)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (own_font(500, fs_type=0x0002), "its licence forbids to embed it in documents (fsType bit 1"),
        (own_font(500, fs_type=0x0200), "its licence permits to embed its bitmaps only (fsType bit 9)"),
        (b"<p>no font", "it is not a font in TrueType, OpenType, WOFF or WOFF2 format"),
        (b"ttcf" + FONT, "it is a collection of fonts"),
        (FONT[:-200], "it is damaged"),
    ],
    ids=["restricted", "bitmaps", "no font", "collection", "cut off"],
)
async def test_a_font_that_cannot_be_used_is_refused_with_the_reason(
    client: httpx.AsyncClient, app: Api, file: bytes, says: str
) -> None:
    problem = assert_problem(await put(client, file), 422, "invalid_input")
    assert f"The font cannot be used: {says}" in problem["detail"]
    assert (await client.get("/v1/fonts")).json()["items"] == []
    directory = app.services.settings.data_dir / "artifacts"
    assert [path for path in directory.rglob("*") if path.is_file()] == []


async def test_a_font_needs_a_body_a_type_and_a_name(client: httpx.AsyncClient) -> None:
    assert_problem(await put(client, b""), 400, "malformed_body")
    for type in ("text/html", "application/json", ""):
        assert_problem(await put(client, type=type), 415, "unsupported_media_type")
    problem = assert_problem(await put(client, url="/v1/fonts/Acme"), 422, "invalid_input")
    assert problem["errors"][0]["pointer"] == "/name"
    assert_problem(await client.get("/v1/fonts/Acme"), 404, "font_not_found")


async def test_a_font_that_is_too_large_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    problem = assert_problem(await put(client, bytes(MAX_FONT_BYTES + 1)), 413, "body_too_large")
    assert "may have 33,554,432" in problem["detail"]


async def test_a_tenant_has_as_many_fonts_as_there_may_be(client: httpx.AsyncClient, redis: Redis) -> None:
    await put(client)
    (key,) = await redis.keys(f"{keys.FONTS}*")
    head: Any = await redis.hget(key, "acme-bold")  # type: ignore[misc]
    more = {f"font-{number}": head for number in range(MAX_FONTS - 1)}
    await redis.hset(key, mapping=more)  # type: ignore[misc]
    assert_problem(await put(client, url="/v1/fonts/one-more"), 409, "font_limit")
    assert (await put(client, own_font(300))).status_code == 200, "replacing one is no more"
