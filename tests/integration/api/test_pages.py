"""The console page and the JavaScript client, as a browser fetches them."""

from __future__ import annotations

import re

import httpx
import pytest


def policy_of(page: httpx.Response) -> dict[str, str]:
    directives = page.headers["content-security-policy"].split("; ")
    return {name: sources for name, _, sources in (each.partition(" ") for each in directives)}


async def test_the_console_runs_only_its_own_scripts(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = policy_of(page)
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "'self' blob:"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert not re.search(
        r"<script(?! type=\"module\" src=\"/)|<style| style=| on\w+=|https?://(?!example)", page.text
    )


async def test_the_console_may_reach_the_websockets_of_web_and_notifier(client: httpx.AsyncClient) -> None:
    assert policy_of(await client.get("/"))["connect-src"].split() == [
        "'self'",
        "ws://localhost:8000",
        "ws://localhost:8001",
    ]


async def test_everything_that_the_console_loads_is_there(client: httpx.AsyncClient) -> None:
    waiting, seen = ["/"], set[str]()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        if path.endswith((".js", "/")):
            found = re.findall(r'(?:from|src=|href=) ?"((?:\./|/console/|/client/)[^"#]+)"', answer.text)
            base = path.rpartition("/")[0]
            waiting += [f"{base}/{each[2:]}" if each.startswith("./") else each for each in found]
    assert {"/console/main.js", "/console/console.css", "/client/connection.js"} <= seen


@pytest.mark.parametrize("path", ["/", "/console/main.js", "/client/pressrun.js"])
async def test_cached_files_are_revalidated_and_not_sent_again(client: httpx.AsyncClient, path: str) -> None:
    first = await client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (await client.get(path, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_the_client_may_be_imported_by_any_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/client/pressrun.js")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_only_what_pages_need_is_served(client: httpx.AsyncClient) -> None:
    for path in (
        "/client/package.json",
        "/client/tests/fakes.js",
        "/console/index.html",
        "/console/../app.py",
    ):
        assert (await client.get(path)).status_code == 404, path
