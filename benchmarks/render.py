"""Rendering: what the render child's engine gains over plain WeasyPrint, and what reuse gains over rendering.

Plain is `HTML(string=…).write_pdf()` in a warm process; both sides run alone, one after the other, in a process of
their own, `ROUNDS` times, and the medians are compared. PDFs are compared byte for byte. Memory is the resident size
of an engine's process over mixed documents. The last figure goes through the whole system: the time from submission
to `succeeded` of a document that was not seen before, over that of the same document again.

`python -m benchmarks.render`, or with ``--smoke`` to see that it works.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.stage import INVOICE, describe_machine, run, stage, verdict
from tests.support.framework import framework_stylesheet

if TYPE_CHECKING:
    from jobs.render.engine import Engine

SMOKE = "--smoke" in sys.argv
ROUNDS = 3 if SMOKE else 15
MIXED_DOCUMENTS = 40 if SMOKE else 2000
ROWS = 100 if SMOKE else 1000

FRAMEWORK = framework_stylesheet(6)
FRAMED = INVOICE.replace("<style>", f"<style>{FRAMEWORK}</style><style>", 1)
TABLE = (
    "<!DOCTYPE html><html lang=en><title>Table</title><style>td { border: 1px solid #ccc; padding: 2px }</style><table>"
    + "".join(f"<tr><td>{n}<td>Article number {n}<td>{n * 7 % 90}<td>{n * 3}.00 €</tr>" for n in range(ROWS))
    + "</table>"
)
PAIRS = (
    ("small invoice", INVOICE, 1.15),
    (f"the same with {len(FRAMEWORK) // 1024} KB of framework", FRAMED, 5.0),
    (f"{ROWS}-row table", TABLE, 1.3),
)

Measured = tuple[list[float], str]
"""Seconds of each round, the first left out; digest of the last PDF."""


def plain(connection: Connection, document: str) -> None:
    """WeasyPrint as its documentation shows it."""
    from weasyprint import HTML

    def render() -> bytes:
        return HTML(string=document).write_pdf() or b""

    connection.send(_measure(render))


def ours(connection: Connection, document: str) -> None:
    """The engine of the render child, its tidying up included."""
    engine = _engine()

    def render() -> bytes:
        pdf = engine.render("html", document.encode(), {}, lambda step: None).pdf
        engine.tidy_up()
        return pdf

    connection.send(_measure(render))


def _measure(render: Callable[[], bytes]) -> Measured:
    seconds, pdf = [], render()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        pdf = render()
        seconds.append(time.perf_counter() - began)
    return seconds, hashlib.sha256(pdf).hexdigest()


def memory(connection: Connection, _document: str) -> None:
    """Resident MiB after a tenth of the documents, and after all."""
    engine = _engine()
    sizes = []
    for number in range(MIXED_DOCUMENTS):
        engine.render("html", _mixed(number).encode(), {}, lambda step: None)
        engine.tidy_up()
        if number + 1 in (MIXED_DOCUMENTS // 10, MIXED_DOCUMENTS):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            sizes.append(pages * 4096 / 2**20)
    connection.send(sizes)


def _mixed(number: int) -> str:
    """Small and large, with the same stylesheet and with their own, with fonts of their own."""
    own = f"<style>h1 {{ font-size: {10 + number % 40}pt; color: #{number % 4096:03x} }}</style>"
    font = "<style>@font-face { font-family: own; src: local('DejaVu Serif') } p { font-family: own }</style>"
    match number % 4:
        case 0:
            return INVOICE + own
        case 1:
            return FRAMED + f"<p>{number}"
        case 2:
            return INVOICE + font
        case _:
            return "<table>" + f"<tr><td>{number}<td>x" * (number % 60) + "</table>" + own


def _engine() -> Engine:
    """Imports WeasyPrint: only in the processes that measure."""
    from jobs.render.engine import Engine
    from jobs.render.limits import RenderLimits

    engine = Engine(RenderLimits())
    engine.warm_up()
    return engine


def alone(target: Callable[[Connection, str], None], document: str) -> Any:
    """What `target` sends from a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(sender, document))
    process.start()
    answer = receiver.recv()
    process.join()
    return answer


async def again() -> float:
    """How many times as fast the same document is the second time, from submission to success."""
    async with stage(("api", "jobs", "notifier")) as deployment:
        warm = await deployment.submit(INVOICE)
        await deployment.until(warm["id"], "succeeded")
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            job = await deployment.submit(TABLE)
            done = await deployment.until(job["id"], "succeeded")
            seconds.append(time.perf_counter() - began)
            print(f"{ROWS} rows, cached: {done['result']['cached']}: {seconds[-1] * 1000:.1f} ms")
    return seconds[0] / seconds[1]


async def main() -> None:
    describe_machine()
    for name, document, target in PAIRS:
        theirs, their_pdf = await asyncio.to_thread(alone, plain, document)
        mine, my_pdf = await asyncio.to_thread(alone, ours, document)
        same = "byte-identical" if my_pdf == their_pdf else "BYTES DIFFER"
        print(f"{name}: plain {median(theirs) * 1000:.1f} ms, here {median(mine) * 1000:.1f} ms, {same}")
        verdict(name, median(theirs) / median(mine), target, at_most=False, unit="×")
    early, late = await asyncio.to_thread(alone, memory, "")
    print(
        f"resident after {MIXED_DOCUMENTS // 10} documents {early:.0f} MiB, after {MIXED_DOCUMENTS} {late:.0f} MiB"
    )
    verdict("memory over mixed documents", late / early, 1.15, at_most=True, unit="×")
    verdict("the same document again", await again(), 50, at_most=False, unit="×")


if __name__ == "__main__":
    run(main())
