"""What Standard Webhooks 1.0.0 asks of a sender, as a receiver sees it; and the docs' examples."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from jobs.webhooks.credentials import new_secret
from jobs.webhooks.endpoint import Endpoint
from testsupport.hooks import TENANT, Hooks, Receiver, Request
from testsupport.ports import free_port
from testsupport.waiting import DEADLINE_S, eventually

DOCS = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()


@pytest.fixture
async def endpoint(hooks: Hooks, receiver: Receiver) -> AsyncIterator[Endpoint]:
    """An endpoint of a notifier at work."""
    endpoint = await hooks.endpoint(receiver.url)
    async with hooks.running():
        yield endpoint


async def first(hooks: Hooks, receiver: Receiver) -> Request:
    await hooks.event()
    return (await receiver.got(1))[0]


async def test_the_three_headers_are_there_once_and_well_formed(
    hooks: Hooks, receiver: Receiver, endpoint: Endpoint
) -> None:
    headers = (await first(hooks, receiver)).headers
    assert re.fullmatch(r"evt_[0-9A-Z]{26}_1", headers["webhook-id"])
    assert "." not in headers["webhook-id"], "a full stop separates the parts of what is signed"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    (signature,) = headers["webhook-signature"].split(" ")
    assert signature.startswith("v1,")
    assert len(base64.b64decode(signature[3:], validate=True)) == 32
    assert headers["content-type"] == "application/json"


async def test_the_payload_has_a_type_a_timestamp_and_data(
    hooks: Hooks, receiver: Receiver, endpoint: Endpoint
) -> None:
    event = (await first(hooks, receiver)).event
    assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+", event["type"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])
    assert isinstance(event["data"], dict)


async def test_a_signature_covers_id_timestamp_and_body(
    hooks: Hooks, receiver: Receiver, endpoint: Endpoint
) -> None:
    request = await first(hooks, receiver)
    secret = hooks.secret(endpoint)
    assert request.verified_by(secret)
    later = str(int(request.headers["webhook-timestamp"]) + 1)
    for headers, body in (
        ({**request.headers, "webhook-id": "evt_other"}, request.body),
        ({**request.headers, "webhook-timestamp": later}, request.body),
        (request.headers, request.body + b" "),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, dict(headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(request.body, dict(request.headers))


async def test_a_retry_has_the_same_id_and_body_and_its_own_timestamp(
    hooks: Hooks, receiver: Receiver, endpoint: Endpoint
) -> None:
    receiver.status = 503
    await first(hooks, receiver)
    receiver.status = 200
    earlier, later = await receiver.got(2)
    assert (earlier.headers["webhook-id"], earlier.body) == (later.headers["webhook-id"], later.body)
    assert int(later.headers["webhook-timestamp"]) >= int(earlier.headers["webhook-timestamp"]) + 4
    assert later.verified_by(hooks.secret(endpoint))


async def test_both_secrets_sign_during_a_rotation(
    hooks: Hooks, receiver: Receiver, endpoint: Endpoint
) -> None:
    old, new = hooks.secret(endpoint), new_secret()
    now_ms = int(time.time() * 1000)
    await hooks.endpoints.change(
        TENANT, endpoint.id, lambda e: (e, hooks.endpoints.credentials(e).rotated(new, now_ms, 60_000))
    )
    request = await first(hooks, receiver)
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    assert request.verified_by(old)
    assert request.verified_by(new)


async def test_every_endpoint_has_a_secret_of_its_own(
    hooks: Hooks, receiver: Receiver, endpoint: Endpoint
) -> None:
    other = await hooks.endpoint(receiver.url + "/other")
    await hooks.event()
    by_path = {request.path: request for request in await receiver.got(2)}
    assert by_path["/hook"].verified_by(hooks.secret(endpoint))
    assert by_path["/hook/other"].verified_by(hooks.secret(other))
    assert hooks.secret(endpoint) != hooks.secret(other)


# --- the examples of docs/webhooks.md -------------------------------------------------------------


def example(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)
    return str(found)


@pytest.fixture
async def request_and_secret(hooks: Hooks, receiver: Receiver, endpoint: Endpoint) -> tuple[Request, str]:
    return await first(hooks, receiver), hooks.secret(endpoint)


async def test_the_python_example_verifies(request_and_secret: tuple[Request, str]) -> None:
    request, secret = request_and_secret
    names: dict[str, Any] = {}
    exec(example("python"), names)
    assert names["receive"](secret, dict(request.headers), request.body) == request.event
    assert names["receive"](secret, dict(request.headers), b"{}") is None
    assert names["receive"](secret, {**request.headers, "webhook-signature": "v1"}, b"{}") is None


async def test_the_node_example_verifies(request_and_secret: tuple[Request, str]) -> None:
    request, secret = request_and_secret
    cases = [[secret, dict(request.headers), body] for body in (request.body.decode(), "{}")]
    script = (
        example("javascript") + f"console.log({json.dumps(cases)}.map((each) => isGenuine(...each)).join())"
    )
    try:
        done = await asyncio.to_thread(
            subprocess.run, ["node", "-e", script], capture_output=True, text=True, check=True, timeout=60
        )
    except FileNotFoundError:
        pytest.skip("node is not installed")
    assert done.stdout.strip() == "true,false"


@pytest.mark.parametrize(("language", "command"), [("python", sys.executable), ("javascript", "node")])
async def test_the_receivers_take_a_delivery_and_refuse_a_forged_one(
    hooks: Hooks, tmp_path: Path, language: str, command: str
) -> None:
    if shutil.which(command) is None:
        pytest.skip(f"{command} is not installed")
    port = free_port()
    url = f"http://127.0.0.1:{port}/hooks/pressrun"
    endpoint = await hooks.endpoint(url)
    program = tmp_path / "receiver"
    program.write_text(example(language).replace("3000", str(port)))
    process = await asyncio.create_subprocess_exec(
        command,
        program,
        env={**os.environ, "SECRET": hooks.secret(endpoint)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with aiohttp.ClientSession() as session:

            async def is_refused() -> bool:
                try:
                    async with session.post(url, data=b"{}") as answer:
                        return answer.status == 400
                except aiohttp.ClientConnectionError:  # it does not listen yet
                    return False

            await eventually(is_refused)
        await hooks.event()
        async with hooks.running(), asyncio.timeout(DEADLINE_S):
            assert (await process.stdout.readline()).startswith(b"job.queued")
    finally:
        process.kill()
        await process.wait()


async def test_the_shell_example_makes_the_same_signature(request_and_secret: tuple[Request, str]) -> None:
    request, secret = request_and_secret
    environ = {
        "PATH": "/usr/bin:/bin",
        "SECRET": secret,
        "ID": request.headers["webhook-id"],
        "TIMESTAMP": request.headers["webhook-timestamp"],
        "BODY": request.body.decode(),
    }
    done = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-ec", example("sh")],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "v1," + done.stdout.strip() == request.headers["webhook-signature"]
