"""A store of 25 MB under steady submissions, with clients that follow: does everything go on?

    python -m benchmarks.small_store [--minutes 60] [--rate 3] [--kept-minutes 5]

Runs Valkey with `maxmemory 25mb` and `noeviction`, a web, a worker and a notifier process, and

- submits small invoices at a steady rate, every second one with a `webhook_url`;
- reads each result a while after the job has ended, and deletes the job;
- follows all events over a WebSocket and over server-sent events, from beginning to end;
- every minute, resumes once from a cursor of half a minute ago and once from the beginning.

Prints a line for each five minutes, and in the end what was found out. With a log and a bus that
are bounded by number alone, 2,450 jobs filled such a store for good.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from benchmarks.harness import INVOICE, describe_machine, print_target, run
from jobs.core.job import TERMINAL
from jobs.core.settings import LOCAL_TENANT
from jobs.store import keys
from jobs.store.memory import MIB, WARN_AT_PERCENT, read_memory
from testsupport.deployment import Deployment
from testsupport.valkey import FaultyValkey

LIMIT_MB = 25
WINDOW_S = 300
METADATA = {"customer": "C-1042", "note": "x" * 400}


@dataclass
class Follower:
    """What one client has seen of all events."""

    name: str
    cursor: str | None = None
    sequences: int = 0
    holes: int = 0
    """Sequences that were passed over without a reset."""
    resets: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    """By job, how many terminal events."""
    longest_pause_s: float = 0.0
    window_pause_s: float = 0.0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _newest: int | None = None
    _at: float = 0.0

    def saw(self, event: dict[str, Any], cursor: str) -> None:
        now = time.monotonic()
        if self._at:
            self.longest_pause_s = max(self.longest_pause_s, now - self._at)
            self.window_pause_s = max(self.window_pause_s, now - self._at)
        self._at, self.cursor = now, cursor
        sequence = int(event["sequence"])
        if self._newest is not None:
            self.holes += max(0, sequence - self._newest - 1)
        self._newest = sequence
        self.sequences += 1
        if event["type"] in ("job.succeeded", "job.failed", "job.cancelled"):
            self.ended[event["data"]["job"]["id"]] += 1

    def was_reset(self, reason: str, cursor: str) -> None:
        self.resets[reason] += 1
        self.cursor, self._newest = cursor, None

    async def over_websocket(self, url: str) -> None:
        while True:
            try:
                async with connect(url, compression=None) as websocket:
                    after = {"after": self.cursor} if self.cursor else {}
                    await websocket.send(json.dumps({"type": "subscribe", "channel": "jobs", **after}))
                    self.connections += 1
                    async for message in websocket:
                        frame = json.loads(message)
                        match frame["type"]:
                            case "subscribed":
                                self.cursor = self.cursor or frame["cursor"]
                                self.ready.set()
                            case "event":
                                self.saw(frame["event"], frame["cursor"])
                            case "reset":
                                self.was_reset(frame["reason"], frame["cursor"])
                            case "ping":
                                await websocket.send('{"type":"pong"}')
            except (OSError, WebSocketException):
                await asyncio.sleep(0.2)

    async def over_sse(self, http: aiohttp.ClientSession, url: str) -> None:
        while True:
            headers = {"Accept": "text/event-stream"}
            if self.cursor:
                headers["Last-Event-ID"] = self.cursor
            try:
                timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
                async with http.get(url, headers=headers, timeout=timeout) as answer:
                    self.connections += 1
                    self.ready.set()
                    await self._read_stream(answer)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.2)

    async def _read_stream(self, answer: aiohttp.ClientResponse) -> None:
        fields: dict[str, str] = {}
        async for line in answer.content:
            name, _, value = line.decode().rstrip("\r\n").partition(":")
            if name:
                fields[name] = value.strip()
                continue
            if fields.get("event") == "reset":
                self.was_reset(json.loads(fields["data"]).get("reason", "?"), fields["id"])
            elif "data" in fields and fields.get("event") not in (None, "progress"):
                self.saw(json.loads(fields["data"]), fields["id"])
            fields = {}


@dataclass
class Window:
    """What happened in some minutes."""

    statuses: Counter[int] = field(default_factory=Counter)
    deleted: int = 0
    most_percent: int = 0


class Trial:
    def __init__(
        self, deployment: Deployment, redis: Redis, receiver_url: str, rate: float, kept_s: float
    ) -> None:
        self._deployment, self._redis, self._receiver_url = deployment, redis, receiver_url
        self._rate, self._kept_s = rate, kept_s
        self.accepted: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.results: Counter[int] = Counter()
        self.deletions: Counter[int] = Counter()
        self.with_webhook: set[str] = set()
        self.window = Window()
        self.most_percent = 0
        self.warned = 0
        self.resumed = self.resume_failed = self.told = self.untold = 0
        self._ended: deque[tuple[float, str]] = deque()
        self.followers = [Follower("WebSocket"), Follower("server-sent events")]
        self._sse_url = f"{deployment.url}/v1/events"

    async def run(self, minutes: float) -> None:
        http = self._deployment.http
        by_websocket, by_sse = self.followers
        tasks = [
            asyncio.create_task(
                by_websocket.over_websocket("ws" + self._deployment.ws_url.removeprefix("http"))
            ),
            asyncio.create_task(by_sse.over_sse(http, self._sse_url)),
        ]
        async with asyncio.timeout(30):
            for follower in self.followers:
                await follower.ready.wait()
        self._began = time.monotonic()
        tasks += [
            asyncio.create_task(each)
            for each in (self._delete_for_ever(), self._resume_for_ever(), self._measure_for_ever())
        ]
        await self._submit_until(self._began + minutes * 60)
        await self._until_all_ended()
        self._print_window()
        for task in tasks:
            if task.done():
                task.result()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _submit_until(self, end: float) -> None:
        number, next_window = 0, self._began + WINDOW_S
        sending: set[asyncio.Task[None]] = set()
        while (now := time.monotonic()) < end:
            if now >= next_window:
                self._print_window()
                next_window += WINDOW_S
            task = asyncio.create_task(self._submit(number))
            sending.add(task)
            task.add_done_callback(sending.discard)
            number += 1
            await asyncio.sleep(max(0.0, self._began + number / self._rate - time.monotonic()))
        await asyncio.gather(*sending)

    async def _submit(self, number: int) -> None:
        body: dict[str, Any] = {
            "kind": "pdf.render",
            "input": {"html": INVOICE.replace("2026-0042", f"2026-{number:06}")},
            "metadata": METADATA,
        }
        if number % 2 == 0:
            body["webhook_url"] = self._receiver_url
        try:
            async with self._deployment.http.post(f"{self._deployment.url}/v1/jobs", json=body) as answer:
                status, document = answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError):
            status, document = 0, None
        self.statuses[status] += 1
        self.window.statuses[status] += 1
        if status == 202:
            self.accepted.append(document["id"])
            if number % 2 == 0:
                self.with_webhook.add(document["id"])

    async def _until_all_ended(self) -> None:
        try:
            async with asyncio.timeout(120):
                while any(len(follower.ended) < len(self.accepted) for follower in self.followers):
                    await asyncio.sleep(0.5)
        except TimeoutError:
            pass

    async def _delete_for_ever(self) -> None:
        """Reads the result of each job some time after its end, then deletes the job."""
        known = 0
        while True:
            ended = list(self.followers[0].ended)
            self._ended += [(time.monotonic() + self._kept_s, job_id) for job_id in ended[known:]]
            known = len(ended)
            while self._ended and self._ended[0][0] <= time.monotonic():
                await self._delete(self._ended.popleft()[1])
            await asyncio.sleep(0.5)

    async def _delete(self, job_id: str) -> None:
        url = f"{self._deployment.url}/v1/jobs/{job_id}"
        async with self._deployment.http.get(url + "/result") as answer:
            await answer.read()
            self.results[answer.status] += 1
        async with self._deployment.http.delete(url) as answer:
            self.deletions[answer.status] += 1
            self.window.deleted += 1

    async def _resume_for_ever(self) -> None:
        """Every minute: a client that was away for half a minute, and one that was never there."""
        while True:
            await asyncio.sleep(30)
            cursor = self.followers[0].cursor
            await asyncio.sleep(30)
            if cursor is None:
                continue
            after, until = int(cursor.partition(".")[2]), self.followers[0].cursor or cursor
            sequences, was_told = await self._read_back(cursor, until)
            exact = sequences == list(range(after + 1, int(until.partition(".")[2]) + 1))
            self.resumed += exact
            self.resume_failed += not exact and not was_told
            epoch, newest = until.split(".")
            sequences, was_told = await self._read_back(f"{epoch}.0", until)
            self.told += was_told
            self.untold += not was_told and sequences != list(range(1, int(newest) + 1))

    async def _read_back(self, cursor: str, until: str) -> tuple[list[int], bool]:
        """Reads pages of the log; returns the sequences, and whether a gap was told."""
        sequences: list[int] = []
        end = int(until.partition(".")[2])
        while int(cursor.partition(".")[2]) < end:
            query = {"after": cursor, "limit": "100"}
            async with self._deployment.http.get(f"{self._deployment.url}/v1/events", params=query) as answer:
                if answer.status == 410:
                    return sequences, True
                page = await answer.json()
            sequences += [event["sequence"] for event in page["items"] if event["sequence"] <= end]
            if not page["items"]:
                break
            cursor = page["next_cursor"]
        return sequences, False

    async def _measure_for_ever(self) -> None:
        while True:
            memory = await read_memory(self._redis)
            assert memory is not None  # this store does not forbid INFO
            percent = memory.percent or 0
            self.most_percent = max(self.most_percent, percent)
            self.window.most_percent = max(self.window.most_percent, percent)
            readiness = await self._deployment.get("/readyz")
            self.warned += any("nearly full" in warning for warning in readiness.get("warnings", ()))
            self._last = (memory, *await self._lengths())
            await asyncio.sleep(5)

    async def _lengths(self) -> tuple[int, int, int, int]:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.xlen(keys.LOG + LOCAL_TENANT)
            pipe.xlen(keys.BUS)
            pipe.zcard(keys.JOBS + LOCAL_TENANT)
            pipe.zcard(keys.WEBHOOK_EXPIRY)
            log, bus, jobs, deliveries = await pipe.execute()
        return log, bus, jobs, deliveries

    def _print_window(self) -> None:
        window, self.window = self.window, Window()
        memory, log, bus, jobs, deliveries = self._last
        pauses = ", ".join(f"{follower.window_pause_s:.1f}" for follower in self.followers)
        for follower in self.followers:
            follower.window_pause_s = 0.0
        accepted, refused = window.statuses[202], sum(window.statuses.values()) - window.statuses[202]
        print(
            f"{(time.monotonic() - self._began) / 60:5.1f} min  accepted {accepted:4}  refused {refused:3}  deleted "
            f"{window.deleted:4}  longest pause {pauses} s  store {memory.used / MIB:4.1f} MiB (at most "
            f"{window.most_percent} %)  events {memory.events / MIB:4.1f} MiB: log {log}, bus {bus}  jobs {jobs}  "
            f"ended deliveries {deliveries}",
            flush=True,
        )


async def describe_memory(redis: Redis) -> None:
    """Prints which keys use the memory."""
    sizes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    async for key in redis.scan_iter(count=1_000):
        name = ":".join(key.decode().split(":")[:2])
        sizes[name] += await redis.memory_usage(key, samples=0) or 0
        counts[name] += 1
    for name, size in sizes.most_common(8):
        print(f"  {name}: {size / MIB:.2f} MiB in {counts[name]} keys")


def print_findings(trial: Trial, delivered: Counter[str]) -> None:
    accepted = len(trial.accepted)
    print(f"\nsubmissions by status: {dict(trial.statuses)}; results read: {dict(trial.results)}")
    print(f"deletions by status: {dict(trial.deletions)}")
    for follower in trial.followers:
        print(
            f"{follower.name}: {follower.sequences} events, {follower.connections} connections, "
            f"resets {dict(follower.resets) or 'none'}, longest pause {follower.longest_pause_s:.1f} s"
        )
    print(
        f"resumed after half a minute: {trial.resumed} times exactly, {trial.resume_failed} times with a hole; "
        f"from the beginning: a gap was told {trial.told} times, and not told {trial.untold} times"
    )
    print_target(
        "submissions that were not accepted", sum(trial.statuses.values()) - accepted, 0, at_most=True
    )
    for follower in trial.followers:
        name = follower.name
        print_target(
            f"{name}: jobs without a terminal event", accepted - len(follower.ended), 0, at_most=True
        )
        twice = sum(count > 1 for count in follower.ended.values())
        print_target(f"{name}: jobs with two terminal events", twice, 0, at_most=True)
        print_target(f"{name}: events missed and not told", follower.holes, 0, at_most=True)
        print_target(f"{name}: longest pause", follower.longest_pause_s, 10, at_most=True, unit=" s")
    missing = sum(job_id not in delivered for job_id in trial.with_webhook)
    print_target(f"webhooks missing of {len(trial.with_webhook)}", missing, 0, at_most=True)
    print_target(
        "results that were gone",
        accepted and sum(trial.results.values()) - trial.results[200],
        0,
        at_most=True,
    )
    print_target("holes that were not told on resuming", trial.resume_failed + trial.untold, 0, at_most=True)
    print_target("store, at most", trial.most_percent, WARN_AT_PERCENT - 1, at_most=True, unit=" %")
    print_target("warnings of /readyz", trial.warned, 0, at_most=True)


async def main(minutes: float, rate: float, kept_minutes: float) -> None:
    describe_machine()
    delivered: Counter[str] = Counter()

    async def receive(request: web.Request) -> web.Response:
        delivered[(await request.json())["data"]["job"]["id"]] += 1
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver_url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    with tempfile.TemporaryDirectory(prefix="pressrun-small-store-") as name:
        server = FaultyValkey(Path(name) / "valkey")
        server.start()
        redis = Redis.from_url(server.url)
        await redis.config_set("maxmemory", f"{LIMIT_MB}mb")
        # Hosted stores have the default, which needs more memory for records.
        await redis.config_set("hash-max-listpack-value", 64)
        policy = await redis.config_get("maxmemory-policy")
        print(
            f"store: Valkey, maxmemory {LIMIT_MB}mb, {policy['maxmemory-policy']}, appendfsync always; "
            f"{rate:g} submissions/s for {minutes:g} min; jobs are deleted {kept_minutes:g} min after their end",
            flush=True,
        )
        directory = Path(name)
        environ = {"PRESSRUN_EGRESS_ALLOW": "127.0.0.0/8", "PRESSRUN_LOG_LEVEL": "warning"}
        try:
            async with Deployment.running(
                server.url, directory, ("api", "jobs", "notifier"), **environ
            ) as deployment:
                trial = Trial(deployment, redis, receiver_url, rate, kept_minutes * 60)
                await trial.run(minutes)
                print_findings(trial, delivered)
                statuses = Counter(
                    {
                        str(status): await redis.zcard(f"{keys.JOBS}{LOCAL_TENANT}:{status}")
                        for status in ("scheduled", "queued", "running", "retrying", *TERMINAL)
                    }
                )
                print(f"jobs in the store by status: {dict(+statuses)}")
                written = trial.followers[0].sequences
                mean = await redis.memory_usage(keys.LOG + LOCAL_TENANT, samples=0) / await redis.xlen(
                    keys.LOG + LOCAL_TENANT
                )
                print(
                    f"{written} events of {mean:.0f} bytes were written: log and bus would take "
                    f"{(min(written, 100_000) + min(written, 20_000)) * mean / MIB:.0f} MiB without trimming by bytes"
                )
                await describe_memory(redis)
            for number, package in enumerate(("api", "jobs", "notifier")):
                warnings = Counter(line["event"] for line in deployment.log_lines(package, number))
                print(f"warnings of {package}: {dict(warnings) or 'none'}")
        finally:
            await redis.aclose()
            server.stop()
            await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=3)
    parser.add_argument("--kept-minutes", type=float, default=5)
    options = parser.parse_args()
    run(main(options.minutes, options.rate, options.kept_minutes))
