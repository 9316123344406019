"""Today's code reads what an earlier release wrote, and finishes what that release began.

`stores/` has one dump for each release; `make_store_dump.py` made them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.integration.upgrade.make_store_dump import ENVIRON, IDEMPOTENCY_KEY, IDEMPOTENT, RECEIVER
from testsupport.deployment import Deployment
from testsupport.hooks import Receiver
from testsupport.store_dump import load
from testsupport.valkey import FaultyValkey
from testsupport.waiting import eventually

STORES = sorted((Path(__file__).parent / "stores").glob("*.json"))


@pytest.fixture(params=STORES, ids=lambda path: path.stem)
def text(request: pytest.FixtureRequest) -> str:
    """The dump of a release as it is committed."""
    return str(request.param.read_text(encoding="utf-8"))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """The server that the dump's endpoints name, and that answers 200 to everything now."""
    async with Receiver.listening() as receiver:
        yield receiver


@pytest.fixture
async def stored(text: str, receiver: Receiver, own_valkey: FaultyValkey) -> dict[str, Any]:
    """The dump, once its keys are in the store."""
    address = receiver.url.removeprefix("http://").removesuffix("/hook")
    made: dict[str, Any] = json.loads(text.replace(RECEIVER, address))
    redis = Redis.from_url(own_valkey.url)
    await load(redis, made["keys"])
    await redis.aclose()
    return made


def shows(document: Any, earlier: Any) -> bool:
    """Whether the document has all that it had earlier. It may have more members."""
    if isinstance(earlier, dict):
        return isinstance(document, dict) and all(
            name in document and shows(document[name], value) for name, value in earlier.items()
        )
    if isinstance(earlier, list):
        return len(document) == len(earlier) and all(map(shows, document, earlier))
    return bool(document == earlier)


async def post(deployment: Deployment, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    async with deployment.http.post(f"{deployment.url}/v1/jobs", json=body, headers=headers) as answer:
        assert answer.status in (200, 202), await answer.text()
        document: dict[str, Any] = await answer.json()
        return document


async def test_every_record_is_shown_as_the_release_showed_it(
    stored: dict[str, Any], own_valkey: FaultyValkey, tmp_path: Path
) -> None:
    async with Deployment.running(own_valkey.url, tmp_path, ("api",), **ENVIRON) as today:
        for path, earlier in stored["seen"].items():
            document = await today.get(path)
            assert shows(document, earlier), f"{path} was {earlier} and is {document}"


async def test_a_result_and_an_idempotency_key_of_the_release_are_still_good(
    stored: dict[str, Any], own_valkey: FaultyValkey, tmp_path: Path
) -> None:
    job_id = stored["jobs"]["succeeded"]
    async with Deployment.running(own_valkey.url, tmp_path, ("api",), **ENVIRON) as today:
        async with today.http.get(f"{today.url}/v1/jobs/{job_id}/result") as answer:
            assert hashlib.sha256(await answer.read()).hexdigest() == stored["result_sha256"]
        again = await post(today, IDEMPOTENT, **{"Idempotency-Key": IDEMPOTENCY_KEY})
        assert again["id"] == job_id


async def test_what_the_release_had_begun_is_finished(
    stored: dict[str, Any], receiver: Receiver, own_valkey: FaultyValkey, tmp_path: Path
) -> None:
    jobs, processes = stored["jobs"], ("api", "jobs", "notifier")
    async with Deployment.running(own_valkey.url, tmp_path, processes, **ENVIRON) as today:
        for name in ("queued", "queued_template", "queued_large", "queued_webhook", "scheduled", "running"):
            ended = await today.until(jobs[name], "succeeded", "failed", "cancelled")
            assert ended["status"] == "succeeded", (name, ended["error"])
            assert ended["attempt"] == (2 if name == "running" else 1), name
        ended = await today.until(jobs["retrying"], "succeeded", "failed", "cancelled")
        assert (ended["error"]["code"], ended["attempt"]) == ("document_unreachable", 2)

        async def batch_is_completed() -> bool:
            batch = await today.get(f"/v1/batches/{stored['batches']['waiting']}")
            return bool((batch["status"], batch["succeeded"]) == ("completed", 2))

        await eventually(batch_is_completed)
        await continues_the_event_log(today, stored)
        await delivers(today, stored, receiver)
        letter = {"template": "letter", "data": {"name": "Today"}}
        job = await post(today, {"kind": "pdf.render", "input": letter})
        assert (await today.until(job["id"], "succeeded", "failed"))["status"] == "succeeded"


async def continues_the_event_log(today: Deployment, stored: dict[str, Any]) -> None:
    """The cursor of the release leads to the next event, in the same epoch and without a hole."""
    epoch, _, sequence = stored["cursor"].partition(".")
    page = await today.get(f"/v1/events?limit=100&after={stored['cursor']}")
    assert page["next_cursor"].startswith(f"{epoch}.")
    sequences = [event["sequence"] for event in page["items"]]
    assert sequences == list(range(int(sequence) + 1, int(sequence) + 1 + len(sequences)))
    assert len(sequences) >= len(stored["jobs"])


async def delivers(today: Deployment, stored: dict[str, Any], receiver: Receiver) -> None:
    """Everything pending, in the outbox or sent by a notifier that is gone arrives, signed with the
    old secrets."""

    async def nothing_is_pending() -> bool:
        for endpoint_id in stored["endpoints"].values():
            for status in ("pending", "sending"):
                path = f"/v1/webhook-endpoints/{endpoint_id}/deliveries?status={status}"
                if (await today.get(path))["items"]:
                    return False
        return True

    await eventually(nothing_is_pending, deadline_s=120)
    for name in ("ok", "busy", "slow"):
        path = f"/v1/webhook-endpoints/{stored['endpoints'][name]}"
        secret = stored["seen"][f"{path}/secret"]["secret"]
        requests = [request for request in receiver.requests if request.path == f"/{name}"]
        assert all(request.verified_by(secret) for request in requests)
        told = {request.event["data"].get("job", {}).get("id") for request in requests}
        assert {stored["jobs"][each] for each in ("queued", "cancelled_unannounced")} <= told
    assert not [request for request in receiver.requests if request.path == "/gone"]
    (single,) = [request for request in receiver.requests if request.path == "/single"]
    assert single.event["data"]["job"]["id"] == stored["jobs"]["queued_webhook"]
