"""Credentials of a document, and every place where the processes of the system could leave them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from testsupport import store_dump
from testsupport.deployment import Deployment
from testsupport.guarded_web import GuardedWeb, Page, guarded, guarded_web
from testsupport.hooks import Receiver

COOKIE, BEARER, PASSWORD = "cookie-of-zoe-12345", "token-of-zoe-12345", "password-of-zoe-12345"
BASIC = base64.b64encode(f"zoe:{PASSWORD}".encode()).decode()
SECRETS = (COOKIE, BEARER, PASSWORD, BASIC, base64.b64encode(PASSWORD.encode()).decode())
ENVIRON = {"PRESSRUN_EGRESS_ALLOW": "127.0.0.1", "PRESSRUN_LOG_LEVEL": "debug"}


def options(web: GuardedWeb) -> dict[str, Any]:
    everything = {"cookies": {"session": COOKIE}, "headers": {"X-Token": BEARER}}
    return {
        "fetch": [{**everything, "origins": [web.origin], "auth": {"username": "zoe", "password": PASSWORD}}]
    }


async def submit(running: Deployment, url: str, options: dict[str, Any], **members: Any) -> Any:
    body = {"kind": "pdf.render", "input": {"url": url}, "options": options, **members}
    async with running.http.post(f"{running.url}/v1/jobs", json=body) as answer:
        return await answer.json()


async def test_no_process_leaves_credentials_anywhere(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    processes = ("api", "jobs", "notifier")
    with guarded_web() as web:
        async with (
            Receiver.listening() as receiver,
            Deployment.running(redis_url, tmp_path, processes, **ENVIRON) as running,
        ):
            web.pages["/account"] = guarded("cookie", f"session={COOKIE}", Page(b"<img src=/none.png>"))
            web.pages["/busy"] = Page(b"", status=503, headers={"Retry-After": "600"})
            web.pages["/wrong"] = guarded("cookie", "another")
            hook = {"webhook_url": receiver.url}
            jobs = [
                await submit(running, web.url(path), options(web), **hook)
                for path in ("/account", "/wrong", "/busy")
            ]
            ends = [await running.until(job["id"], "succeeded", "failed", "retrying") for job in jobs]
            assert [end["status"] for end in ends] == ["succeeded", "failed", "retrying"]
            refused = await submit(
                running, web.url("/x"), {"fetch": [{"headers": {"X": BEARER, "x": COOKIE}}]}
            )
            assert refused["code"] == "invalid_input"
            async with running.http.post(
                f"{running.url}/v1/pdf",
                params={"options": json.dumps(options(web))},
                data="x",
                headers={"content-type": "text/html"},
            ) as answer:
                in_url = await answer.text()
            told = await receiver.got(2)
            seen = {
                "answers": [jobs, ends, refused, in_url, await running.get("/v1/jobs")],
                "events": await running.get("/v1/events"),
                "history": [await running.get(f"/v1/jobs/{job['id']}/events") for job in jobs],
                "webhooks": [(repr(request.headers), repr(request.event)) for request in told],
                "store": await store_dump.dump(redis),
            }
            for headers in web.headers_of("/account"):
                assert (headers["x-token"], headers["authorization"]) == (BEARER, f"Basic {BASIC}")
    files = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    logs = [name for name in files if name.endswith(".log")]
    assert len(logs) == len(processes)
    assert any(b"asset" in files[name] or b"attempt" in files[name] for name in logs)
    for secret in SECRETS:
        assert secret not in json.dumps(seen, default=str)
        assert not [name for name, content in files.items() if secret.encode() in content]
