"""Without API keys, only programs on this machine are served, and nobody through them."""

from __future__ import annotations

import httpx
import pytest

from api.app import Api


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST:1", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000"]
)
async def test_names_of_this_machine_are_served(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/v1/jobs", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "192.168.1.5:8000",
        "0.0.0.0:8000",
        "localhost@evil.example",
        "evil.example/localhost",
        "localhost:99999999",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/v1/jobs", "/healthz", "/", "/nowhere"])
async def test_a_foreign_host_is_refused_everywhere(client: httpx.AsyncClient, host: str, path: str) -> None:
    answer = await client.get(path, headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_two_hosts_are_refused(client: httpx.AsyncClient) -> None:
    headers = [("host", "localhost"), ("host", "evil.example")]
    assert (await client.get("/v1/jobs", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://localhost:3000",
        "https://localhost:8000",
        "http://localhost:8000.evil.example",
    ],
)
async def test_a_foreign_origin_is_refused(client: httpx.AsyncClient, origin: str) -> None:
    answer = await client.post("/v1/jobs", json={}, headers={"origin": origin})
    assert answer.status_code == 403


async def test_our_own_pages_are_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/jobs", headers={"origin": "http://localhost:8000"})).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Anything",
        "X-Real-IP",
        "Via",
        "CF-Connecting-IP",
    ],
)
async def test_a_proxy_is_refused(client: httpx.AsyncClient, header: str) -> None:
    assert (await client.get("/v1/jobs", headers={header: "127.0.0.1"})).status_code == 403


@pytest.mark.parametrize("peer", [("192.168.1.5", 1), ("2001:db8::1", 1), None])
async def test_other_machines_are_refused(app: Api, peer: tuple[str, int] | None) -> None:
    transport = httpx.ASGITransport(app, client=peer)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        assert (await client.get("/v1/jobs")).status_code == 403


async def test_this_machine_over_ipv6_is_served(app: Api) -> None:
    transport = httpx.ASGITransport(app, client=("::1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://[::1]:8000") as client:
        assert (await client.get("/v1/jobs")).status_code == 200
