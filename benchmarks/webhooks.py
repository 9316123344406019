"""Measures the cost, latency and isolation of webhooks.

- **rate**: requests per second of one notifier (claim, sign, send, settle, log line), against a
  bare aiohttp loop that posts the same signed bytes to the same receiver, with as many requests at
  a time.
- **isolation**: the time from before an event is written to its request at a healthy receiver, one
  event at a time. With 100 endpoints that hang, drip bytes or answer 500, against without them:
  while they keep their connections busy, and while hundreds of requests to them reach their
  deadline at once.
- **backlog**: the same latency with 100,000 deliveries due for retry at once, against while they
  are due in an hour; and the notifier's memory while it sends them.
- **endpoints**: a tenant with 10,000 endpoints: creating and listing them, an event that none of
  them wants, one that all want, the latency of another tenant meanwhile, and the notifier's memory.

Phases with and without the load take turns, because the speed of a machine changes; a p99 is that
of all their events. The notifier is the real process, logging as by default; the store, the
receivers and the measuring are processes of their own. (In **rate** the deliverer runs in the
process of the bare loop.) Nothing limits the requests to one origin
(`PRESSRUN_WEBHOOK_ORIGIN_RATE=0`), as all receivers are on one.

`python -m benchmarks.webhooks [--quick] [part …]`; each part takes less than three minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from benchmarks.harness import describe_machine, percentile, print_target, settle, store, summary
from benchmarks.receivers import Receivers, Receiving, receivers
from jobs.core.settings import Settings
from jobs.process.logging import configure_logging
from jobs.store import keys
from jobs.webhooks.credentials import Credentials, secret_bytes
from jobs.webhooks.delivery_queue import DeliveryClaim
from jobs.webhooks.endpoint import EndpointConfig
from jobs.webhooks.signing import signed_headers
from testsupport.deployment import Deployment
from testsupport.hooks import SECRET_KEY, TENANT, Hooks

QUICK = "--quick" in sys.argv
DELIVERIES = 2_000 if QUICK else 20_000
ENDPOINTS = 20
AT_A_TIME = 200
EVENTS = 100 if QUICK else 500
ROUNDS = 1 if QUICK else 4
"""How often quiet and loaded phases take turns: the machine's speed changes within seconds."""
BACKLOG = 5_000 if QUICK else 100_000
MANY_ENDPOINTS = 500 if QUICK else 10_000
BODY_BYTES = 1_024
PAUSE_S = 0.005
WATCHED_S = 60
"""How long the benchmark watches the rest of the backlog."""
SLOWED = 1.5
"""The highest allretries ratio of the p99 with a load to the p99 without."""
OTHER_DUE, ASIDE = "benchmark:due", "benchmark:aside"
FAR_AWAY_MS = 4_000_000_000_000
HEALTHY = "healthy"
"""The tenant whose latency is measured."""


@contextlib.asynccontextmanager
async def hooks_on_a_store() -> AsyncIterator[tuple[Hooks, str]]:
    with store() as redis_url, tempfile.TemporaryDirectory() as directory:
        hooks = await Hooks.open(redis_url, Path(directory))
        try:
            yield hooks, redis_url
        finally:
            await hooks.close()


class Process:
    """A process as the kernel sees it."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")

    def memory_mib(self) -> float:
        """Resident now."""
        return int((self._proc / "statm").read_text().split()[1]) * resource.getpagesize() / 2**20


@contextlib.asynccontextmanager
async def notifier(redis_url: str) -> AsyncIterator[Process]:
    """Runs the real notifier in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        async with Deployment.running(
            redis_url,
            Path(directory),
            ("notifier",),
            PRESSRUN_SECRET_KEY=SECRET_KEY,
            PRESSRUN_EGRESS_ALLOW="127.0.0.0/8",
            PRESSRUN_WEBHOOK_ORIGIN_RATE="0",
        ) as deployment:
            yield Process(deployment.processes[0][1].pid)


class Latency:
    """Times events, one by one: from before one is written to its request at a receiver here."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._arrived = asyncio.Event()
        self._at = 0.0

    @classmethod
    @contextlib.asynccontextmanager
    async def of_a_healthy_receiver(cls, hooks: Hooks) -> AsyncIterator[Latency]:
        latency = cls(hooks)
        server = await asyncio.get_running_loop().create_server(
            lambda: Receiving(latency._seen), "127.0.0.1", 0
        )
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        await hooks.endpoints.create(
            HEALTHY, EndpointConfig(url=url, event_types=("*",)), Credentials.fresh()
        )
        try:
            yield latency
        finally:
            server.close()

    async def measure(self, events: int = EVENTS, until: float = 0.0) -> list[float]:
        """Returns the seconds of `events` events, and of more until `until` (perf counter)."""
        latencies: list[float] = []
        while len(latencies) < events or time.perf_counter() < until:
            self._arrived.clear()
            began = time.perf_counter()
            await self._hooks.event(tenant=HEALTHY)
            await asyncio.wait_for(self._arrived.wait(), 60)
            latencies.append(self._at - began)
            await asyncio.sleep(PAUSE_S)
        return latencies

    async def alone(self) -> list[float]:
        """Measures while nothing else happens."""
        await self.measure(50)  # warms up
        return await self.measure()

    def _seen(self, _: bytes) -> None:
        self._at = time.perf_counter()
        self._arrived.set()


def describe(name: str, latencies: Sequence[float]) -> None:
    print(
        f"  {name:24} {summary(latencies)}  ({len(latencies)} events, longest {max(latencies) * 1000:.0f} ms)"
    )


def compare(name: str, beside: Sequence[float], alone: Sequence[float]) -> None:
    describe(name, beside)
    print_target(
        f"p99 {name}, against alone", percentile(beside, 99) / percentile(alone, 99), SLOWED, at_most=True
    )


# --- rate -----------------------------------------------------------------------------------------


async def bare_rate(receiver: Receivers) -> float:
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
                async with session.post(receiver.urls[0], data=body, headers=headers) as answer:
                    await answer.read()

        began, before = time.perf_counter(), receiver.count
        await asyncio.gather(*(post() for _ in range(AT_A_TIME)))
        return (receiver.count - before) / (time.perf_counter() - began)


async def our_rate(receiver: Receivers) -> float:
    async with hooks_on_a_store() as (hooks, _):
        for n in range(ENDPOINTS):
            await hooks.endpoint(f"{receiver.urls[0]}/{n}", max_in_flight=AT_A_TIME // ENDPOINTS)
        await asyncio.gather(
            *(hooks.event(metadata={"pad": "x" * 300}) for _ in range(DELIVERIES // ENDPOINTS))
        )
        await hooks.dispatch()
        before = receiver.count
        began = time.perf_counter()
        delivering = asyncio.create_task(hooks.deliverer.run())
        while receiver.count - before < DELIVERIES:
            await asyncio.sleep(0.01)
        rate = DELIVERIES / (time.perf_counter() - began)
        await hooks.deliverer.drain(30)
        delivering.cancel()
        await asyncio.wait([delivering])
        return rate


async def rate() -> None:
    with receivers("good") as receiver:
        bare = await bare_rate(receiver)
        ours = await our_rate(receiver)
    print(f"  bare aiohttp loop {bare:,.0f}/s, one notifier {ours:,.0f}/s")
    print_target("rate, share of a bare aiohttp loop", ours / bare, 0.25, at_most=False)


# --- isolation ------------------------------------------------------------------------------------


async def isolation() -> None:
    alone: list[float] = []
    busy: list[float] = []
    ending: list[float] = []
    async with (
        hooks_on_a_store() as (hooks, redis_url),
        notifier(redis_url),
        Latency.of_a_healthy_receiver(hooks) as latency,
    ):
        for _ in range(ROUNDS):
            alone += await latency.alone()
            with receivers("hang", "drip", "fail") as bad:
                made = [await hooks.endpoint(f"{bad.urls[n % 3]}/{n}") for n in range(100)]
                began = time.perf_counter()
                for _ in range(20):
                    await hooks.event(tenant=TENANT)
                await asyncio.sleep(2)  # by now the bad ones hang, drip and fail as they will go on to
                hanging = await under_way(hooks)
                busy += await latency.measure()
                await asyncio.sleep(max(0.0, began + 14 - time.perf_counter()))
                before = await under_way(hooks)
                ending += await latency.measure(until=began + 19)
                ended = before - await under_way(hooks)
                print(f"  {hanging} requests to bad ones under way, {ended} reach their deadline")
            for endpoint in made:
                await hooks.endpoints.delete(TENANT, endpoint.id)
            await asyncio.sleep(1)
    describe("alone", alone)
    print_target("event to request, median", percentile(alone, 50) * 1000, 10, at_most=True, unit=" ms")
    compare("beside 100 bad ones", busy, alone)
    compare("while their requests end", ending, alone)


async def under_way(hooks: Hooks) -> int:
    return int(await hooks.redis.zcard(keys.WEBHOOK_LEASES))


# --- backlog --------------------------------------------------------------------------------------


async def backlog() -> None:
    alone: list[float] = []
    beside: list[float] = []
    with receivers("good") as receiver:
        async with hooks_on_a_store() as (hooks, redis_url):
            began = time.perf_counter()
            await make_retries(hooks, receiver.urls[0])
            retries = await hooks.redis.zcard(keys.WEBHOOK_DUE)
            print(f"  {retries:,} retries waiting, made in {time.perf_counter() - began:.0f} s")
            await hooks.redis.zunionstore(OTHER_DUE, {keys.WEBHOOK_DUE: 0})  # all are due, at once
            await hooks.redis.bgrewriteaof()  # it would be due soon, because of the filling
            await settle(hooks.redis)
            async with (
                notifier(redis_url) as process,
                Latency.of_a_healthy_receiver(hooks) as latency,
            ):
                before_mib = process.memory_mib()
                for _ in range(ROUNDS):
                    alone += await latency.alone()
                    await swap_due(hooks)
                    beside += await latency.measure()
                    await swap_due(hooks)
                    while await under_way(hooks) or await hooks.redis.zcard(keys.WEBHOOK_RING):
                        await asyncio.sleep(0.05)
                describe("alone", alone)
                compare("beside the backlog", beside, alone)
                print(f"  {retries - receiver.count:,} of them were not sent yet at the end")
                early_mib, sent, began = process.memory_mib(), receiver.count, time.perf_counter()
                await swap_due(hooks)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(until_received(receiver, retries), WATCHED_S)
                print(
                    f"  notifier's memory: {before_mib:.0f} MiB before, {early_mib:.0f} after {sent:,}, "
                    f"{process.memory_mib():.0f} after {receiver.count:,}; "
                    f"{receiver.count - sent:,} in {time.perf_counter() - began:.0f} s without fresh events"
                )


async def swap_due(hooks: Hooks) -> None:
    """Makes the retries that are due in an hour due at once; or the other way round."""
    async with hooks.redis.pipeline(transaction=True) as pipe:
        pipe.rename(keys.WEBHOOK_DUE, ASIDE)
        pipe.rename(OTHER_DUE, keys.WEBHOOK_DUE)
        pipe.rename(ASIDE, OTHER_DUE)
        await pipe.execute()


async def until_received(receiver: Receivers, count: int) -> None:
    while receiver.count < count:
        await asyncio.sleep(0.05)


async def make_retries(hooks: Hooks, url: str) -> None:
    """Makes deliveries that were tried once, with a fault of ours, and are due in an hour."""
    for n in range(100):
        await hooks.endpoint(f"{url}/{n}")
    for _ in range(BACKLOG // 10_000 or 1):
        await asyncio.gather(*(hooks.event() for _ in range(min(100, BACKLOG // 100))))
        await hooks.dispatch()
        while claims := (await hooks.queue.claim(1_000, 1_000)).claims:
            await asyncio.gather(*(fault(hooks, claim) for claim in claims))


async def fault(hooks: Hooks, claim: DeliveryClaim) -> None:
    attempt = '{"at":"2026-01-01T00:00:00.000Z","status":null,"error":"dns_failed"}'
    await hooks.queue.settle(claim, "fault", attempt, delay_ms=3_600_000, hold_ms=0, chance=0.5, took_ms=1.0)


# --- endpoints ------------------------------------------------------------------------------------


async def endpoints() -> None:
    with receivers("good") as receiver:
        async with (
            hooks_on_a_store() as (hooks, redis_url),
            notifier(redis_url) as process,
            Latency.of_a_healthy_receiver(hooks) as latency,
        ):
            alone: list[float] = []
            beside: list[float] = []
            before_mib, began = process.memory_mib(), time.perf_counter()
            for start in range(0, MANY_ENDPOINTS, 100):
                await asyncio.gather(
                    *(
                        hooks.endpoint(f"{receiver.urls[0]}/{start + n}", event_types=("job.queued",))
                        for n in range(100)
                    )
                )
            took = time.perf_counter() - began
            print(f"  {MANY_ENDPOINTS:,} endpoints made in {took:.1f} s ({MANY_ENDPOINTS / took:,.0f}/s)")
            print(f"  a page of 100 of them    {summary(await list_times(hooks))}")
            await unwanted(hooks, "the first event")
            await unwanted(hooks, "the next")

            for n in range(ROUNDS):
                alone += await latency.alone()
                began = time.perf_counter()
                await hooks.event(tenant=TENANT)
                beside += await latency.measure()
                sent = receiver.count - n * MANY_ENDPOINTS
                await until_received(receiver, (n + 1) * MANY_ENDPOINTS)
                print(
                    f"  one event: {sent:,} of its {MANY_ENDPOINTS:,} requests beside others, "
                    f"all within {time.perf_counter() - began:.1f} s"
                )
                while await under_way(hooks):
                    await asyncio.sleep(0.05)
            describe("alone", alone)
            compare("of another tenant beside", beside, alone)
            print(f"  notifier's memory: {before_mib:.0f} MiB before, {process.memory_mib():.0f} after")


async def list_times(hooks: Hooks) -> list[float]:
    took: list[float] = []
    cursor: str | None = None
    while len(took) < MANY_ENDPOINTS // 100:
        began = time.perf_counter()
        _, cursor = await hooks.endpoints.page(TENANT, 100, cursor)
        took.append(time.perf_counter() - began)
    return took


async def unwanted(hooks: Hooks, name: str) -> None:
    """How long until an event of a type that no endpoint wants has left the outbox."""
    began = time.perf_counter()
    await hooks.event(tenant=TENANT, scheduled_at_ms=FAR_AWAY_MS)
    while await hooks.redis.xlen(keys.OUTBOX):
        await asyncio.sleep(0.001)
    print(f"  {name}: {(time.perf_counter() - began) * 1000:.1f} ms until it was matched")


PARTS: dict[str, Any] = {
    "rate": rate,
    "isolation": isolation,
    "backlog": backlog,
    "endpoints": endpoints,
}


async def main() -> None:
    describe_machine()
    for name in [name for name in sys.argv[1:] if name in PARTS] or PARTS:
        print(name)
        await PARTS[name]()


if __name__ == "__main__":
    with Path("/dev/null").open("w") as nowhere, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        configure_logging(Settings(log_format="json"), "notifier", nowhere)
        runner.run(main())
