"""Measures what it costs to isolate documents from each other and from the machine, in five parts.

Each part compares two ways within one run, in turns, so that a machine that gets slower or faster
meanwhile changes both. Pools have one slot for each core and as many callers as slots.

- ``start``: how long a fresh render child takes until it is ready: as a program of its own, and
  forked by the fork server. Median of 20.
- ``recovery``: from the kill of all children of a worker to the next PDF, in both ways.
- ``first``: from nothing to the first PDF of a pool, in both ways.
- ``tenants``: documents a second if two tenants take turns, whose children are never shared,
  against one tenant. Eight tenants, which have more children than are kept, are printed beside it.
- ``wall``: documents a second with full isolation against none.

Run `python -m benchmarks.isolation` for all parts (about ten minutes), or add their names.
``--smoke`` only checks that they work.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from statistics import median

from benchmarks.harness import INVOICE, print_target, run_parts
from benchmarks.render import ROWS, TABLE
from jobs.core.settings import IsolationMode
from jobs.render.parent.asset_fetcher import AssetFetcher
from jobs.render.parent.child_process import RenderChild
from jobs.render.parent.fork_server import ForkServer
from jobs.render.parent.pool import RenderPool, RenderRequest
from jobs.render.parent.scratch import Scratch
from jobs.render.parent.starting import ChildStarter, Spawner
from jobs.render.protocol.limits import FetchLimits, RenderLimits

SMOKE = "--smoke" in sys.argv
STARTS = 2 if SMOKE else 20
RECOVERIES = 1 if SMOKE else 5
ROUNDS = 1 if SMOKE else 8
SLOTS = os.cpu_count() or 1
INVOICES = 2 * SLOTS if SMOKE else 200 * SLOTS
TABLES = SLOTS if SMOKE else 4 * SLOTS
DOCUMENTS = (("small invoice", INVOICE, INVOICES), (f"{ROWS}-row table", TABLE, TABLES))
TIMEOUT_MS = 120_000
LIMITS = RenderLimits(fetch=FetchLimits(mode="none"))
WAYS: dict[str, Callable[[], ChildStarter]] = {
    "as a program": Spawner,
    "forked": lambda: ForkServer(LIMITS),
}


class Nobody:
    """Owns the children that are only started."""

    def child_freed(self, child: RenderChild) -> None: ...
    def child_worn(self, child: RenderChild) -> None: ...
    def child_died(self, child: RenderChild) -> None: ...


@asynccontextmanager
async def warm(
    starter: ChildStarter | None = None, isolation: IsolationMode = "auto"
) -> AsyncIterator[RenderPool]:
    """Yields a pool that has rendered with each slot."""
    limits = RenderLimits(isolation=isolation, fetch=LIMITS.fetch)
    pool = RenderPool(size=SLOTS, limits=limits, starter=starter)
    await pool.start()
    try:
        await documents_a_second(pool, INVOICE, 4 * SLOTS, ["one"])
        yield pool
    finally:
        await pool.close()


async def render(pool: RenderPool, document: str, tenant: str = "one") -> None:
    request = RenderRequest(format="html", document=document)
    await pool.render(request, tenant=tenant, timeout_ms=TIMEOUT_MS, report=lambda _: None)


async def documents_a_second(pool: RenderPool, document: str, number: int, tenants: Sequence[str]) -> float:
    """Renders `number` documents of tenants that take turns."""
    turns = cycle(tenants)
    left = iter(range(number))

    async def caller() -> None:
        for _ in left:
            await render(pool, document, next(turns))

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(SLOTS)))
    return number / (time.perf_counter() - began)


async def start() -> None:
    scratch, fetcher = Scratch(), AssetFetcher(LIMITS.fetch)
    starters = {way: make() for way, make in WAYS.items()}
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(STARTS + 1):
        for way, starter in starters.items():
            began = time.perf_counter()
            child = await RenderChild.start(LIMITS, scratch, fetcher, Nobody(), starter)
            if number:  # the first one starts the fork server
                taken[way].append((time.perf_counter() - began) * 1000)
            child.kill()
            await child.cleanup
    for starter in starters.values():
        await starter.close()
    await scratch.close()
    before, after = (median(taken[way]) for way in WAYS)
    print(f"start of a fresh child: {before:.0f} ms as a program, {after:.1f} ms forked")
    print_target("start of a fresh child", before / after, 20, at_most=False, unit="×")


async def recovery() -> None:
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(RECOVERIES):
        for way, make in WAYS.items():
            async with warm(make()) as pool:
                began = time.perf_counter()
                killed = pool.children.keys()
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
                while killed & pool.children.keys():  # until the pool has noticed
                    await asyncio.sleep(0)
                await render(pool, INVOICE)
                taken[way].append((time.perf_counter() - began) * 1000)
    before, after = (median(taken[way]) for way in WAYS)
    print(f"from the kill of all children to a PDF: {before:.0f} ms as programs, {after:.0f} ms forked")


async def first() -> None:
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(RECOVERIES):
        for way, make in WAYS.items():
            began = time.perf_counter()
            pool = RenderPool(size=SLOTS, limits=LIMITS, starter=make())
            await pool.start()
            await render(pool, INVOICE)
            taken[way].append((time.perf_counter() - began) * 1000)
            await pool.close()
    before, after = (median(taken[way]) for way in WAYS)
    print(f"from nothing to the first PDF: {before:.0f} ms as programs, {after:.0f} ms forked")


async def tenants() -> None:
    groups = {
        "one tenant": ["one"],
        "two tenants in turns": ["one", "two"],
        "eight tenants in turns": [str(number) for number in range(8)],
    }
    async with warm() as pool:
        for name, document, number in DOCUMENTS:
            ratios: dict[str, list[float]] = {group: [] for group in groups}
            for _ in range(ROUNDS):
                rates = {
                    group: await documents_a_second(pool, document, number, members)
                    for group, members in groups.items()
                }
                for group, rate in rates.items():
                    ratios[group].append(rate / rates["one tenant"])
            print(f"{name}, eight tenants in turns: {median(ratios['eight tenants in turns']):.2f}")
            ratio = median(ratios["two tenants in turns"])
            print_target(f"{name}, two tenants in turns", ratio, 0.95, at_most=False)


async def wall() -> None:
    async with warm(isolation="required") as isolated, warm(isolation="off") as free:
        for name, document, number in DOCUMENTS:
            ratios = []
            for _ in range(ROUNDS):
                rates = [
                    await documents_a_second(pool, document, number, ["one"]) for pool in (isolated, free)
                ]
                ratios.append(rates[0] / rates[1])
            print_target(f"{name}, full isolation against none", median(ratios), 0.97, at_most=False)


PARTS = {"start": start, "recovery": recovery, "first": first, "tenants": tenants, "wall": wall}


if __name__ == "__main__":
    run_parts(PARTS)
