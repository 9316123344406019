"""Measures rendering, in three parts. `memory` takes a few minutes, the others less than two.

- ``engine``: how much faster the engine of a render child is than plain WeasyPrint, which is
  `HTML(string=…).write_pdf()` in a warm process. Each side runs in a process of its own, one after
  the other, the same number of times. Medians are compared, and the PDFs byte for byte.
- ``memory``: the resident size of an engine's process over mixed documents.
- ``again``: through the whole system, the time from submission to `succeeded` on the WebSocket for
  a new document, divided by the time for the same document again; the median of several documents.

Run `python -m benchmarks.render` for all parts, or add their names. ``--smoke`` only checks that
they work.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.harness import INVOICE, deployed, print_target, run_parts
from benchmarks.latency import notified
from testsupport.framework_stylesheet import framework_stylesheet
from testsupport.own_font import own_font

if TYPE_CHECKING:
    from jobs.render.child.html.engine import Engine

SMOKE = "--smoke" in sys.argv
ROUNDS = 3 if SMOKE else 15
ROUNDS_OF_TABLE = 2 if SMOKE else 4
MIXED_DOCUMENTS = 40 if SMOKE else 2000
ROWS = 100 if SMOKE else 1000
TABLES = 2 if SMOKE else 7

FRAMEWORK = framework_stylesheet(6)
FRAMED = INVOICE.replace("<style>", f"<style>{FRAMEWORK}</style><style>", 1)
TABLE = (
    "<!DOCTYPE html><html lang=en><title>Table</title><style>td { border: 1px solid #ccc; padding: 2px }</style><table>"
    + "".join(f"<tr><td>{n}<td>Article number {n}<td>{n * 7 % 90}<td>{n * 3}.00 €</tr>" for n in range(ROWS))
    + "</table>"
)
PAIRS = (
    ("small invoice", INVOICE, ROUNDS, 1.15),
    (f"the same with {len(FRAMEWORK) // 1024} KB of framework", FRAMED, ROUNDS, 5.0),
    (f"{ROWS}-row table", TABLE, ROUNDS_OF_TABLE, 1.3),
)
FILES = {"own.ttf": own_font(600)}

Measured = tuple[list[float], str]
"""Seconds of each round without the first, and the digest of the last PDF."""


def plain(connection: Connection, document: str, rounds: int) -> None:
    """Measures WeasyPrint as its documentation shows it."""
    from weasyprint import HTML

    def render() -> bytes:
        return HTML(string=document).write_pdf() or b""

    connection.send(_measure(render, rounds))


def engine_of_a_child(connection: Connection, document: str, rounds: int) -> None:
    """Measures the engine of a render child, including `tidy_up`."""
    engine = warm_engine()

    def render() -> bytes:
        pdf = engine.render("html", document.encode(), {}, lambda step: None).pdf
        engine.tidy_up()
        return pdf

    connection.send(_measure(render, rounds))


def _measure(render: Callable[[], bytes], rounds: int) -> Measured:
    seconds, pdf = [], render()
    for _ in range(rounds):
        began = time.perf_counter()
        pdf = render()
        seconds.append(time.perf_counter() - began)
    return seconds, hashlib.sha256(pdf).hexdigest()


def resident(connection: Connection) -> None:
    """Sends the resident MiB after a tenth of the documents, and after all."""
    engine = warm_engine()
    sizes = []
    for number in range(MIXED_DOCUMENTS):
        engine.render("html", _mixed(number).encode(), {}, lambda step: None, FILES)
        engine.tidy_up()
        if number + 1 in (MIXED_DOCUMENTS // 10, MIXED_DOCUMENTS):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            sizes.append(pages * 4096 / 2**20)
    connection.send(sizes)


def _mixed(number: int) -> str:
    """Returns small and large documents, some with a framework, own styles or an own font."""
    own = f"<style>h1 {{ font-size: {10 + number % 40}pt; color: #{number % 4096:03x} }}</style>"
    font = "<style>@font-face { font-family: own; src: url(own.ttf) } p { font-family: own }</style>"
    match number % 4:
        case 0:
            return INVOICE + own
        case 1:
            return FRAMED + f"<p>{number}"
        case 2:
            return INVOICE + font
        case _:
            return "<table>" + f"<tr><td>{number}<td>x" * (number % 60) + "</table>" + own


def warm_engine() -> Engine:
    """Returns an engine. Imports WeasyPrint, so call it only in processes that measure."""
    from jobs.render.child.html.engine import Engine
    from jobs.render.child.html.fetcher import ask_nobody

    engine = Engine(ask_nobody)
    engine.warm_up()
    return engine


def alone(target: Callable[..., None], *arguments: object) -> Any:
    """Returns what `target` sends from a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(sender, *arguments))
    process.start()
    answer = receiver.recv()
    process.join()
    return answer


async def again() -> None:
    """Measures how many times faster a document is the second time."""
    ratios = []
    async with deployed(("api", "jobs", "notifier")) as deployment:
        ask = partial(notified, deployment.http, f"{deployment.url}/v1/jobs", deployment.ws_url)
        await ask(INVOICE, {})
        for number in range(TABLES):
            table = TABLE.replace("Article", f"Article {number}.")
            (first_s, first), (second_s, second) = await ask(table, {}), await ask(table, {})
            assert (first["cached"], second["cached"]) == (False, True)
            print(f"{ROWS} rows: {first_s * 1000:.1f} ms, again {second_s * 1000:.1f} ms")
            ratios.append(first_s / second_s)
    print_target("the same document again", median(ratios), 50, at_most=False, unit="×")


async def engine() -> None:
    """Compares the engine with plain WeasyPrint."""
    for name, document, rounds, target in PAIRS:
        plain_s, plain_pdf = await asyncio.to_thread(alone, plain, document, rounds)
        engine_s, engine_pdf = await asyncio.to_thread(alone, engine_of_a_child, document, rounds)
        same = "byte-identical" if engine_pdf == plain_pdf else "BYTES DIFFER"
        print(f"{name}: plain {median(plain_s) * 1000:.1f} ms, here {median(engine_s) * 1000:.1f} ms, {same}")
        print_target(name, median(plain_s) / median(engine_s), target, at_most=False, unit="×")


async def memory() -> None:
    """Measures whether a child grows."""
    early, late = await asyncio.to_thread(alone, resident)
    tenth = MIXED_DOCUMENTS // 10
    print(f"resident after {tenth} documents {early:.0f} MiB, after {MIXED_DOCUMENTS} {late:.0f} MiB")
    print_target("memory over mixed documents", late / early, 1.15, at_most=True, unit="×")


PARTS = {"engine": engine, "memory": memory, "again": again}


if __name__ == "__main__":
    run_parts(PARTS)
