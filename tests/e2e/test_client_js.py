"""The JavaScript client against the real processes, in the Node that Playwright brings."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import playwright
from redis.asyncio import Redis

from testsupport.deployment import Deployment
from testsupport.project import ROOT
from testsupport.waiting import DEADLINE_S

NODE = Path(playwright.__file__).parent / "driver" / "node"
CLIENT = ROOT / "notifier" / "client" / "pressrun.js"
KEY = "a-key-for-the-client"
WITH_KEYS = {
    "PRESSRUN_API_KEYS": f"acme:{KEY}",
    "PRESSRUN_SECRET_KEY": "a-secret-of-thirty-two-characters",
    "PRESSRUN_HOST": "127.0.0.1",
}

BACKEND = """
const client = new Pressrun({ url, apiKey });
const stream = client.jobs({ filter: { tags: ["mine"], types: ["job.*"] } });
await stream.ready;
await client.submit("<p>not mine");
const job = await client.submit("<h1>Hello</h1>", { tags: ["mine"] });
const changes = [];
for await (const change of job) changes.push(change.data.job.version);
const finished = await job.done();
const pdf = await job.result();
const events = [];
for await (const event of stream) {
  events.push([event.type, event.data.job.id === job.id]);
  if (event.type === "job.succeeded") break;
}
const log = (await job.events()).length;
tell({ status: finished.status, changes, events, bytes: [pdf.size, finished.result.bytes], log });
"""

BROWSER = """
const client = new Pressrun({ url });
const job = client.job(id, { token });
const finished = await job.done();
let refusal;
try { await client.job(other, { token }).done(); } catch (error) { refusal = [error.name, error.code]; }
let denied;
try { await job.cancel(); } catch (error) { denied = [error.name, error.status]; }
tell({ status: finished.status, refusal, denied });
"""


STREAMING = """
const client = new Pressrun({ url, environment: { WebSocket: undefined } });
const job = client.job(id, { token });
const types = [];
for await (const change of job) {
  types.push(change.type);
  if (types.length === 1) await new Pressrun({ url, apiKey }).job(id).cancel();
}
tell({ types, state: client.state, status: job.snapshot.status });
"""


async def run_in_node(program: str, **variables: str) -> Any:
    """Runs the program in Node and returns what it tells.

    It has to end by itself: the client must not keep the process alive.
    """
    source = "\n".join(
        [
            f"import {{ Pressrun }} from {json.dumps(CLIENT.as_uri())};",
            "const tell = (said) => console.log(JSON.stringify(said));",
            *(f"const {name} = {json.dumps(value)};" for name, value in variables.items()),
            program,
        ]
    )
    process = await asyncio.create_subprocess_exec(
        NODE,
        "--input-type=module",
        "--eval",
        source,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def test_a_backend_submits_follows_and_downloads(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    async with Deployment.running(redis_url, tmp_path, ("api", "jobs", "notifier"), **WITH_KEYS) as running:
        told = await run_in_node(BACKEND, url=running.url, apiKey=KEY)
    assert told["status"] == "succeeded"
    assert told["changes"] == sorted(set(told["changes"]))
    assert told["changes"][-1] == 3
    assert told["events"] == [["job.queued", True], ["job.started", True], ["job.succeeded", True]]
    assert told["bytes"][0] == told["bytes"][1] > 0
    assert told["log"] == 3


async def test_a_browser_may_follow_with_the_token_of_a_job_and_nothing_else(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    async with Deployment.running(redis_url, tmp_path, ("api", "jobs", "notifier"), **WITH_KEYS) as running:
        running.http.headers["Authorization"] = f"Bearer {KEY}"
        submitted, other = await running.submit("<p>x"), await running.submit("<p>y")
        token = submitted["subscription"]["token"]
        told = await run_in_node(BROWSER, url=running.url, id=submitted["id"], other=other["id"], token=token)
    assert told["status"] == "succeeded"
    assert told["refusal"] == ["SubscriptionError", "forbidden"]
    assert told["denied"] == ["ApiError", 403]


async def test_a_job_is_followed_by_an_event_stream_if_websockets_are_blocked(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    async with Deployment.running(redis_url, tmp_path, ("api", "notifier"), **WITH_KEYS) as running:
        running.http.headers["Authorization"] = f"Bearer {KEY}"
        submitted = await running.submit("<p>x")
        token = submitted["subscription"]["token"]
        told = await run_in_node(STREAMING, url=running.url, id=submitted["id"], token=token, apiKey=KEY)
    assert told == {"types": ["snapshot", "job.cancelled"], "state": "fallback", "status": "cancelled"}
