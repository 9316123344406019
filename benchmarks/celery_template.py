"""Compares PDFs per second with the usual Celery template, through the whole system.

The documents are small invoices with the same stylesheet, as made from one template. No two are the
same, so that Pressrun has to render each; the benchmark checks that no result was `cached`.

Both systems are up at the same time and take turns, `ROUNDS` times, in alternating order. Each has
the same number of render processes, and a Valkey of its own (`appendfsync always`). A turn lasts
from its first submission until its client knows of the last result:

- Pressrun: submitted over HTTP, on as many connections as an application would have, until the
  notifier's WebSocket has brought each `job.succeeded`. Results are files that were fsynced.
- Celery (prefork, Redis as broker and backend): `send_task` one after the other, until
  `join_native` has each result. The task writes the PDF to a file and returns its path
  (`benchmarks.celery_app`).

Run `python -m benchmarks.celery_template`, or with ``--smoke`` to see that it works. It needs the
extra `bench`.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, Popen
from typing import Any

import aiohttp

from benchmarks.harness import INVOICE, deployed, print_target, run, store
from testsupport.deployment import Deployment
from testsupport.project import ROOT
from testsupport.waiting import DEADLINE_S

try:
    from celery import Celery
    from celery.result import ResultSet
except ImportError:
    sys.exit(
        "This benchmark needs Celery. Install it: .venv/bin/pip install -c constraints.txt -e '.[bench]'"
    )

SMOKE = "--smoke" in sys.argv
JOBS = 20 if SMOKE else 150
ROUNDS = 2 if SMOKE else 7
PROCESSES = os.cpu_count() or 1
WARM_UP = 30 * PROCESSES
CONNECTIONS = 8
TURN_SECONDS = 120
TARGET = 1.4

_NUMBERS = itertools.count(1)


def invoices(count: int) -> list[str]:
    """Documents that were never rendered before."""
    return [INVOICE.replace("2026-0042", f"2026-{next(_NUMBERS):06}") for _ in range(count)]


class CeleryPeer:
    """A Celery worker, and an application that uses it."""

    def __init__(self, url: str, directory: Path) -> None:
        self._app = Celery("client", broker=url, backend=url)
        self._directory = directory
        self._files = itertools.count()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[CeleryPeer]:
        """Starts the worker, waits until it answers, and ends it at the end."""
        with store() as url, tempfile.TemporaryDirectory(prefix="pressrun-benchmark-") as name:
            arguments = [
                "worker",
                "--pool",
                "prefork",
                "--concurrency",
                str(PROCESSES),
                "--loglevel",
                "error",
            ]
            worker = Popen(
                [
                    sys.executable,
                    "-W",
                    "ignore",
                    "-m",
                    "celery",
                    "-A",
                    "benchmarks.celery_app",
                    "--quiet",
                    *arguments,
                ],
                env={"PATH": os.environ["PATH"], "HOME": name, "PYTHONPATH": str(ROOT), "CELERY_URL": url},
                cwd=name,
                stdout=DEVNULL,
            )
            peer = cls(url, Path(name))
            try:
                peer._wait_until_ready()
                yield peer
            finally:
                peer._app.close()
                worker.terminate()
                worker.wait()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not self._app.control.ping(timeout=0.5):
            if time.monotonic() > deadline:
                raise TimeoutError("the Celery worker does not answer")

    def turn(self, documents: list[str]) -> float:
        """Returns the seconds from the first submission until all results are known."""
        paths = [str(self._directory / f"{next(self._files)}.pdf") for _ in documents]
        began = time.perf_counter()
        results = ResultSet(
            [
                self._app.send_task("benchmarks.celery_app.render_pdf", pair)
                for pair in zip(documents, paths, strict=True)
            ]
        )
        answers = results.join_native(timeout=TURN_SECONDS)
        seconds = time.perf_counter() - began
        results.forget()
        del results
        gc.collect()  # results unsubscribe when they are collected; do it while the server is up
        assert answers == paths
        for path in map(Path, paths):
            assert path.read_bytes().startswith(b"%PDF")
            path.unlink()
        return seconds


class Pressrun:
    """A deployment, and an application that uses it."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    async def turn(self, documents: list[str]) -> float:
        """Returns the seconds from the first submission until the last event has come."""
        left = iter(documents)
        async with self._deployment.http.ws_connect(self._deployment.ws_url) as socket:
            ends = {"types": ["job.succeeded", "job.failed"]}
            await socket.send_json({"type": "subscribe", "id": 1, "channel": "jobs", "filter": ends})
            assert (await socket.receive_json())["type"] == "subscribed"
            began = time.perf_counter()
            async with asyncio.timeout(TURN_SECONDS), asyncio.TaskGroup() as group:
                ended = group.create_task(_ended(socket, len(documents)))
                for _ in range(CONNECTIONS):
                    group.create_task(self._submit(left))
            seconds = time.perf_counter() - began
        for job in ended.result():
            assert job["status"] == "succeeded", job["error"]
            assert not job["result"]["cached"]
        return seconds

    async def _submit(self, documents: Iterator[str]) -> None:
        for document in documents:
            await self._deployment.submit(document)


async def _ended(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[dict[str, Any]]:
    """Returns the first `count` jobs that end."""
    jobs = []
    while len(jobs) < count:
        frame = await socket.receive_json()
        if frame["type"] == "event":
            jobs.append(frame["event"]["data"]["job"])
    return jobs


async def main() -> None:
    async with deployed(("api", "jobs", "notifier"), PRESSRUN_WORKER_SLOTS=str(PROCESSES)) as deployment:
        with CeleryPeer.running() as peer:
            await measure(Pressrun(deployment), peer)


async def measure(pressrun: Pressrun, peer: CeleryPeer) -> None:
    ours: list[float] = []
    theirs: list[float] = []

    async def our_turn(count: int) -> None:
        ours.append(count / await pressrun.turn(invoices(count)))

    async def their_turn(count: int) -> None:
        theirs.append(count / await asyncio.to_thread(peer.turn, invoices(count)))

    await our_turn(WARM_UP)
    await their_turn(WARM_UP)
    for number in range(ROUNDS):
        for turn in (our_turn, their_turn) if number % 2 else (their_turn, our_turn):
            await turn(JOBS)
    ratios = [mine / peers for mine, peers in zip(ours[1:], theirs[1:], strict=True)]
    for name, rates in (("Pressrun", ours[1:]), ("Celery template", theirs[1:])):
        shown = "  ".join(f"{rate:5.1f}" for rate in rates)
        print(f"{name:16} {median(rates):5.1f} PDFs/s over {PROCESSES} render processes  (turns: {shown})")
    print(f"ratio of each round: {'  '.join(f'{ratio:.2f}' for ratio in ratios)}")
    print_target(
        "ratio to the Celery template, median of the rounds", median(ratios), TARGET, at_most=False, unit="×"
    )


if __name__ == "__main__":
    run(main())
