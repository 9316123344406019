"""Webhooks: what the bookkeeping costs, how soon a request comes, whether bad endpoints or a backlog slow good ones.

- **rate**: requests per second of one notifier (claim, sign, send, write down, log line) against a bare aiohttp loop
  that posts the same signed bytes, with as many requests at a time, to the same receiver in a process of its own.
- **latency**: from before the event is written to the request at the receiver, one event at a time.
- **isolation**: p99 of that latency with 100 endpoints that hang, drip bytes or answer 500, against without them.
- **backlog**: median latency with 100,000 deliveries due for retry, against without them.
- **endpoints**: from an event to its 10,000 deliveries, and the latency of another tenant meanwhile.

`python -m benchmarks.webhooks [--quick] [part …]`
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from benchmarks.stage import describe_machine, percentile, run, store, summary, verdict
from jobs import keys
from jobs.logging import configure_logging
from jobs.settings import Settings
from jobs.webhooks.credentials import Credentials, secret_bytes
from jobs.webhooks.endpoint import EndpointConfig
from jobs.webhooks.signing import signed_headers
from tests.support.hooks import TENANT, Hooks

QUICK = "--quick" in sys.argv
DELIVERIES = 2_000 if QUICK else 20_000
ENDPOINTS = 20
AT_A_TIME = 200
EVENTS = 100 if QUICK else 500
BACKLOG = 5_000 if QUICK else 100_000
MANY_ENDPOINTS = 500 if QUICK else 10_000
BODY_BYTES = 1_024


class Receiving(asyncio.Protocol):
    """The least that a receiver can do: reads a request with a length, answers 204 (or as `behave` says)."""

    def __init__(self, seen: Callable[[bytes], None], behave: str = "good") -> None:
        self._seen = seen
        self._behave = behave
        self._pending = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            head = self._pending[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._pending) < end + 4 + length:
                return
            body, self._pending = self._pending[end + 4 : end + 4 + length], self._pending[end + 4 + length :]
            self._seen(body)
            self._answer()

    def _answer(self) -> None:
        if self._behave == "good":
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif self._behave == "fail":
            self._transport.write(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")
        elif self._behave == "drip":
            self._transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
            self._drip()

    def _drip(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b".")
            asyncio.get_running_loop().call_later(0.5, self._drip)


def receiver_process(port: Any, count: Any) -> None:
    """A receiver of its own, so that both sides of the comparison have the same half of the machine."""

    async def serve() -> None:
        def seen(_: bytes) -> None:
            count.value += 1

        server = await asyncio.get_running_loop().create_server(lambda: Receiving(seen), "127.0.0.1", 0)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    run(serve())


@contextlib.asynccontextmanager
async def listening(seen: Callable[[bytes], None], behave: str = "good") -> AsyncIterator[str]:
    server = await asyncio.get_running_loop().create_server(lambda: Receiving(seen, behave), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()


@contextlib.asynccontextmanager
async def hooks_on_a_store(**options: Any) -> AsyncIterator[Hooks]:
    with store() as redis_url, tempfile.TemporaryDirectory() as directory:
        hooks = await Hooks.open(redis_url, Path(directory), **options)
        try:
            yield hooks
        finally:
            await hooks.close()


async def bare_rate(url: str, count: Any) -> float:
    key = secret_bytes(Credentials.fresh().secrets[0].text)
    body = b"x" * BODY_BYTES
    left = DELIVERIES
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def post() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                headers = signed_headers([key], "evt_1", int(time.time()), body)
                async with session.post(url, data=body, headers=headers) as answer:
                    await answer.read()

        began, before = time.perf_counter(), count.value
        await asyncio.gather(*(post() for _ in range(AT_A_TIME)))
        return (count.value - before) / (time.perf_counter() - began)


async def our_rate(url: str, count: Any) -> float:
    async with hooks_on_a_store() as hooks:
        for n in range(ENDPOINTS):
            await hooks.endpoint(f"{url}/{n}", max_in_flight=AT_A_TIME // ENDPOINTS)
        await asyncio.gather(
            *(hooks.event(metadata={"pad": "x" * 300}) for _ in range(DELIVERIES // ENDPOINTS))
        )
        while await hooks.redis.xlen(keys.OUTBOX):
            await hooks.dispatcher.dispatch_new()
        before, memory = count.value, peak_mib()
        began = time.perf_counter()
        delivering = asyncio.create_task(hooks.deliverer.run())
        while count.value - before < DELIVERIES:
            await asyncio.sleep(0.01)
        rate = DELIVERIES / (time.perf_counter() - began)
        await hooks.deliverer.drain(30)
        delivering.cancel()
        await asyncio.wait([delivering])
        print(
            f"  memory: peak {peak_mib():.0f} MiB, {peak_mib() - memory:+.0f} MiB over {DELIVERIES} deliveries"
        )
        return rate


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def rate() -> None:
    context = multiprocessing.get_context("spawn")
    port, count = context.Value("i", 0), context.Value("q", 0)
    process = context.Process(target=receiver_process, args=(port, count), daemon=True)
    process.start()
    while not port.value:
        await asyncio.sleep(0.05)
    url = f"http://127.0.0.1:{port.value}/hook"
    bare = await bare_rate(url, count)
    ours = await our_rate(url, count)
    print(f"  bare aiohttp loop {bare:,.0f}/s, one notifier {ours:,.0f}/s")
    verdict("rate, share of a bare aiohttp loop", ours / bare, 0.25, at_most=False)
    process.kill()


class Latency:
    """One event after the other, each timed from before it is written to its request."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._arrived = asyncio.Event()
        self._at = 0.0

    def seen(self, _: bytes) -> None:
        self._at = time.perf_counter()
        self._arrived.set()

    async def measure(self, tenant: str) -> list[float]:
        latencies = []
        for _ in range(EVENTS):
            self._arrived.clear()
            began = time.perf_counter()
            await self._hooks.event(tenant=tenant)
            await asyncio.wait_for(self._arrived.wait(), 60)
            latencies.append(self._at - began)
            await asyncio.sleep(0.005)
        return latencies[EVENTS // 10 :]


async def healthy(hooks: Hooks, url: str, tenant: str = "healthy") -> None:
    await hooks.endpoints.create(tenant, EndpointConfig(url=url, event_types=("*",)), Credentials.fresh())


async def latency_and_isolation() -> None:
    async with hooks_on_a_store() as hooks, contextlib.AsyncExitStack() as stack:
        latency = Latency(hooks)
        await healthy(hooks, await stack.enter_async_context(listening(latency.seen)))
        bad = [
            await stack.enter_async_context(listening(lambda body: None, behave))
            for behave in ("hang", "drip", "fail")
        ]
        async with hooks.running():
            alone = await latency.measure("healthy")
            print(f"  alone                  {summary(alone)}")
            verdict(
                "event written to request received, median",
                percentile(alone, 50) * 1000,
                10,
                at_most=True,
                unit=" ms",
            )
            for n in range(100):
                await hooks.endpoint(f"{bad[n % 3]}/{n}")
            for _ in range(20):
                await hooks.event(tenant=TENANT)
            await asyncio.sleep(2)  # by now the bad ones hang, drip and fail as they will go on to
            beside = await latency.measure("healthy")
            print(f"  beside 100 bad ones    {summary(beside)}")
            verdict(
                "p99 beside bad endpoints, against alone",
                percentile(beside, 99) / percentile(alone, 99),
                1.5,
                at_most=True,
            )


async def backlog() -> None:
    async with hooks_on_a_store() as hooks, contextlib.AsyncExitStack() as stack:
        latency = Latency(hooks)
        await healthy(hooks, await stack.enter_async_context(listening(latency.seen)))
        late = await stack.enter_async_context(listening(lambda body: None))
        for n in range(100):
            await hooks.endpoint(f"{late}/{n}", max_in_flight=1)
        for _ in range(BACKLOG // 100):
            await hooks.event(tenant=TENANT)
        while await hooks.redis.xlen(keys.OUTBOX):
            await hooks.dispatcher.dispatch_new()
        await make_due(hooks)
        async with hooks.running():
            during = await latency.measure("healthy")
            print(f"  beside {BACKLOG:,} due    {summary(during)}")
            left = await hooks.redis.zcard(keys.WEBHOOK_DUE)
            print(f"  {left:,} of them were not promoted yet at the end")


async def make_due(hooks: Hooks) -> None:
    """What waits becomes a retry that is due now."""
    for key in await hooks.redis.keys(f"{keys.WEBHOOK_FRESH}*"):
        ids = [each for each, _ in await hooks.redis.zrange(key, 0, -1, withscores=True)]
        await hooks.redis.zadd(keys.WEBHOOK_DUE, dict.fromkeys(ids, 1))
        await hooks.redis.delete(key)
    await hooks.redis.delete(keys.WEBHOOK_RING)


async def endpoints() -> None:
    async with hooks_on_a_store() as hooks, contextlib.AsyncExitStack() as stack:
        latency = Latency(hooks)
        counted = 0

        def count(_: bytes) -> None:
            nonlocal counted
            counted += 1

        await healthy(hooks, await stack.enter_async_context(listening(latency.seen)))
        many = await stack.enter_async_context(listening(count))
        for start in range(0, MANY_ENDPOINTS, 100):
            await asyncio.gather(*(hooks.endpoint(f"{many}/{start + n}") for n in range(100)))
        async with hooks.running():
            began = time.perf_counter()
            await hooks.event(tenant=TENANT)
            during = await latency.measure("healthy")
            while counted < MANY_ENDPOINTS:
                await asyncio.sleep(0.01)
            took = time.perf_counter() - began
        print(f"  one event to {MANY_ENDPOINTS:,} endpoints: all requests within {took:.1f} s")
        print(f"  another tenant meanwhile {summary(during)}")


async def main() -> None:
    describe_machine()
    parts = {"rate": rate, "isolation": latency_and_isolation, "backlog": backlog, "endpoints": endpoints}
    wanted = [name for name in sys.argv[1:] if name in parts]
    for name in wanted or parts:
        print(name)
        await parts[name]()


if __name__ == "__main__":
    with Path("/dev/null").open("w") as nowhere, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        configure_logging(Settings(log_format="json"), "notifier", nowhere)
        runner.run(main())
