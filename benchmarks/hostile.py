"""Hostile documents and templates: how much memory and time does each take at most?

    python -m benchmarks.hostile [--root DIRECTORY]

Sends each hostile document of the tests, and templates that attack the check, to a web and a worker
process with default limits, and a deadline of ten seconds for a document. Prints the five that take
the most memory, the five that take the longest, and whether each has ended. `--root` is a checkout
of another release; the same documents are sent to it.

The memory of a document is that of all processes that web and worker have started, less what these
took before. It is read from the kernel every 20 ms, so a shorter peak is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.harness import deployed, run
from testsupport.deployment import Deployment
from testsupport.hostile_documents import FAILED, HARMLESS, OUT_OF_MEMORY, OUT_OF_TIME, UNDECODABLE, Hostile
from testsupport.project import ROOT

DEADLINE_S = 10
SHOWN = 5
MIB = 1024 * 1024
TEMPLATES = {
    "a number padded to a billion digits": "{{ '%1000000000d'|format(1) }}",
    "a letter centred in 800 million": "{{ 'a'|center(800000000)|length }}",
    "the same where it is never reached": "{% if 0 %}{{ 'a'|center(800000000) }}{% endif %}",
    "replacements of replacements": "{{ ('a' * 1000)|replace('a', 'b' * 100000)|length }}",
}


@dataclass(frozen=True)
class Measured:
    name: str
    peak_mib: float
    seconds: float
    end: str


def started_by(pid: int) -> list[int]:
    """Returns the processes that this one has started, and those that they have started."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            children = [int(child) for child in (thread / "children").read_text().split()]
        except FileNotFoundError:
            continue
        for child in children:
            found += [child, *started_by(child)]
    return found


def memory_of_children(pids: list[int]) -> float:
    """Returns the resident memory in MiB of all processes that these have started."""
    total = 0
    for pid in pids:
        try:
            for child in started_by(pid):
                total += int(Path(f"/proc/{child}/statm").read_text().split()[1]) * 4096
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total / MIB


async def measured(name: str, pids: list[int], send: Callable[[], Any]) -> Measured:
    before = peak = memory_of_children(pids)
    task = asyncio.create_task(send())
    start = time.perf_counter()
    while not task.done():
        peak = max(peak, memory_of_children(pids))
        await asyncio.wait([task], timeout=0.02)
    return Measured(name, peak - before, time.perf_counter() - start, await task)


async def render(deployment: Deployment, hostile: Hostile) -> str:
    """Submits the document and returns how its job has ended."""
    document = "index.md" if hostile.format == "markdown" else "index.html"
    form = aiohttp.FormData()
    form.add_field("document", hostile.document().encode(), filename=document)
    for name, content in hostile.files.items():
        form.add_field("file", content, filename=name)
    form.add_field("options", "{}")
    async with deployment.http.post(f"{deployment.url}/v1/pdf", data=form) as answer:
        submitted = await answer.json(content_type=None)
    if answer.status != 202:
        return f"{answer.status} {submitted['code']}"
    job = await deployment.until(submitted["id"], "succeeded", "failed", "cancelled")
    return job["status"] if job["status"] == "succeeded" else job["error"]["code"]


async def check(deployment: Deployment, source: str) -> str:
    """Stores the template and returns how the request was answered."""
    async with deployment.http.put(f"{deployment.url}/v1/templates/hostile", json={"html": source}) as answer:
        document = await answer.json(content_type=None)
    return f"{answer.status} {document.get('code', '')}".strip()


def show(heading: str, results: list[Measured]) -> None:
    print(f"\n{heading}")
    for each in results[:SHOWN]:
        print(f"{each.peak_mib:7.0f} MiB {each.seconds:6.1f} s  {each.name} ({each.end})")


async def main(root: Path) -> None:
    environ = {"PYTHONPATH": str(root), "PRESSRUN_RENDER_TIMEOUT": str(DEADLINE_S)}
    async with deployed(("api", "jobs"), **environ) as deployment:
        pids = [process.pid for _, process in deployment.processes]
        await render(deployment, Hostile("a first one", lambda: "<p>x"))
        await check(deployment, "<p>{{ name }}")
        results = [
            await measured(hostile.name, pids, lambda hostile=hostile: render(deployment, hostile))
            for hostile in (*OUT_OF_TIME, *OUT_OF_MEMORY, *FAILED, *UNDECODABLE, *HARMLESS)
        ]
        results += [
            await measured(f"template: {name}", pids, lambda source=source: check(deployment, source))
            for name, source in TEMPLATES.items()
        ]
    print(f"{len(results)} documents and templates; all have ended")
    show("most memory", sorted(results, key=lambda each: -each.peak_mib))
    show("longest", sorted(results, key=lambda each: -each.seconds))
    show("templates", results[-len(TEMPLATES) :])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="a checkout of another release")
    run(main(parser.parse_args().root))
