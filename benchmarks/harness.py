"""What the benchmarks share: a durable Valkey, the real processes, percentiles and targets."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
import uvloop
from redis.asyncio import Redis

from testsupport.deployment import Deployment
from testsupport.valkey import FaultyValkey

_ROWS = "".join(f"<tr><td>Article number {i}<td>{i}<td>{i * 3}.00 €</tr>" for i in range(1, 11))
INVOICE = f"""<!DOCTYPE html><html lang="en"><title>Invoice</title><style>
@page {{ size: A4; margin: 2cm; @bottom-center {{ content: "Page " counter(page) }} }}
body {{ font: 10pt sans-serif }} h1 {{ color: #1d4f91 }} table {{ width: 100%; border-collapse: collapse }}
th, td {{ border-bottom: 1px solid #ccc; padding: 4px; text-align: left }} td:last-child {{ text-align: right }}
</style><h1>Invoice 2026-0042</h1><p>Acme Ltd, 1 Example Street</p>
<table><tr><th>Item<th>Quantity<th>Price</tr>{_ROWS}</table><p>Total 165.00 €"""
"""The usual small document: ten rows and a stylesheet of its own."""


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def summary(values_s: Sequence[float]) -> str:
    """Returns a line with median, p95 and p99 in milliseconds."""
    return "  ".join(
        f"{name} {percentile(values_s, p) * 1000:7.2f} ms"
        for name, p in (("p50", 50), ("p95", 95), ("p99", 99))
    )


def describe_machine() -> None:
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("weasyprint", "arq", "redis", "uvicorn", "websockets")
    )
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {packages}")


@contextmanager
def store() -> Iterator[str]:
    """Runs an empty, durable Valkey and yields its URL."""
    with tempfile.TemporaryDirectory(prefix="pressrun-benchmark-") as name:
        server = FaultyValkey(Path(name))
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


async def settle(redis: Redis) -> None:
    """Waits until the store has rewritten its file and the system has written its pages."""
    while True:
        persistence = await redis.info("persistence")
        if not (persistence["aof_rewrite_in_progress"] or persistence["aof_rewrite_scheduled"]):
            break
        await asyncio.sleep(0.5)
    await asyncio.to_thread(os.sync)


@asynccontextmanager
async def deployed(packages: tuple[str, ...], **environ: str) -> AsyncIterator[Deployment]:
    """Runs these processes with a store of their own: append-only, `appendfsync always`."""
    describe_machine()
    environ = {"PRESSRUN_LOG_LEVEL": "warning", **environ}
    with store() as redis_url, tempfile.TemporaryDirectory(prefix="pressrun-benchmark-") as directory:
        async with Deployment.running(redis_url, Path(directory), packages, **environ) as deployment:
            print(
                f"store: Valkey, appendfsync always; artifacts: local directory, fsynced; {', '.join(packages)}"
            )
            yield deployment


def print_target(name: str, value: float, bound: float, *, at_most: bool, unit: str = "") -> None:
    """Prints whether a target is met."""
    met = value <= bound if at_most else value >= bound
    print(
        f"{'met   ' if met else 'MISSED'} {name}: {value:.2f}{unit} ({'≤' if at_most else '≥'} {bound}{unit})"
    )


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs the coroutine of a benchmark on uvloop, and logs warnings only."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def run_parts(parts: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
    """Runs the parts of a benchmark that the command line names, or all of them."""

    async def main() -> None:
        wanted = [argument for argument in sys.argv[1:] if argument != "--smoke"]
        if unknown := set(wanted) - set(parts):
            sys.exit(f"There is no part {', '.join(sorted(unknown))}. There are: {', '.join(parts)}.")
        describe_machine()
        for name in wanted or parts:
            await parts[name]()

    run(main())
