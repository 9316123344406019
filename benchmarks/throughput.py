"""Measures the PDFs per second of a backlog of small invoices: the whole system against bare loops.

Three ways on all cores, with as many warm processes each:

- plain WeasyPrint (`HTML(string=…).write_pdf()`) in processes that get documents over a pipe;
- the same loop with the engine of Pressrun's render child;
- Pressrun with all jobs queued, from when the worker goes on to the last `job.succeeded`.

They take turns of 500 documents, because the speed of a machine drifts; the others sleep. Two
processes with the same code differ in speed by some percent, depending on where their memory
happens to lie, so each round has new render processes. CPU outside the children is what web,
worker, notifier and store used.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from multiprocessing.connection import Connection, wait

from redis.asyncio import Redis

from benchmarks.harness import INVOICE, deployed, print_target, run
from jobs.core.settings import Settings
from jobs.store import keys
from jobs.store.client import connect
from testsupport.deployment import Deployment

ROUNDS = 4
JOBS = 500
"""Each time."""
POLL_S = 0.25
"""How often to ask whether all have succeeded: seldom, since the event log says when it was."""
WARM_UP = 10
PROCESSES = os.cpu_count() or 1
ANEW = {"cache": False}
"""No result is reused: every job renders, as jobs with different invoices would."""
TICKS = os.sysconf("SC_CLK_TCK")


def plain(connection: Connection) -> None:
    """WeasyPrint as its documentation shows it."""
    from weasyprint import HTML

    while document := connection.recv_bytes():
        connection.send_bytes(HTML(string=document.decode()).write_pdf() or b"")


def tricks(connection: Connection) -> None:
    """The engine of Pressrun's render child and its stack, without the rest."""
    from jobs.render.child.frame_stack import with_large_frame_stack
    from jobs.render.child.html.engine import Engine
    from jobs.render.child.html.fetcher import ask_nobody

    def serve() -> None:
        engine = Engine(ask_nobody)
        engine.warm_up()
        while document := connection.recv_bytes():
            connection.send_bytes(engine.render("html", document, {}, lambda step: None).pdf)
            engine.tidy_up()

    with_large_frame_stack(serve)


@contextmanager
def bare_loop(target: Callable[[Connection], None]) -> Iterator[Callable[[int], float]]:
    """Starts warm processes; yields a function that renders a number of documents.

    The function returns the seconds. Each process renders one document at a time.
    """
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes = []
    for _ in range(PROCESSES):
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=(theirs,))
        process.start()
        pipes.append(ours)
        processes.append(process)
    document = INVOICE.encode()

    def render(count: int) -> float:
        began = time.perf_counter()
        sent = received = 0
        for pipe in pipes:
            pipe.send_bytes(document)
            sent += 1
        while received < count:
            for pipe in wait(pipes):
                assert isinstance(pipe, Connection)
                assert pipe.recv_bytes().startswith(b"%PDF")
                received += 1
                if sent < count:
                    pipe.send_bytes(document)
                    sent += 1
        return time.perf_counter() - began

    render(WARM_UP * PROCESSES)
    try:
        yield render
    finally:
        for pipe in pipes:
            pipe.send_bytes(b"")
        for process in processes:
            process.join()


def cpu_seconds_of(pid: int) -> float:
    """CPU that this process (not its children) has used."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Pressrun:
    """The running system with a worker of its own, and the CPU that it has used for all jobs."""

    def __init__(self, deployment: Deployment, redis: Redis, worker: Process, store_pid: int) -> None:
        self._deployment = deployment
        self._redis = redis
        self._worker = worker
        self._pids = {name: process.pid for name, process in deployment.processes} | {"store": store_pid}
        self.cpu_seconds: Counter[str] = Counter()
        """By process; without render children."""

    def _cpu_seconds(self) -> Counter[str]:
        return Counter({name: cpu_seconds_of(pid) for name, pid in self._pids.items()})

    async def _succeeded(self) -> int:
        return int(await self._redis.zcard(f"{keys.JOBS}default:succeeded"))

    async def warm_up(self) -> None:
        for _ in range(WARM_UP * PROCESSES):
            submitted = await self._deployment.submit(INVOICE, options=ANEW)
        await self._deployment.until(submitted["id"], "succeeded")

    async def render(self, count: int) -> float:
        """Queues so many jobs while the worker is stopped.

        Returns the seconds from when it goes on to the last success.
        """
        wanted = await self._succeeded() + count
        self._worker.send_signal(signal.SIGSTOP)
        for _ in range(count):
            await self._deployment.submit(INVOICE, options=ANEW)
        await asyncio.sleep(0.2)  # web and notifier have read what was submitted
        before = self._cpu_seconds()
        began = time.time()
        self._worker.send_signal(signal.SIGCONT)
        while await self._succeeded() < wanted:
            await asyncio.sleep(POLL_S)
        self.cpu_seconds.update(self._cpu_seconds())
        self.cpu_seconds.subtract(before)
        return await self._last_success() - began

    async def _last_success(self) -> float:
        """The time of the last success by the event log, in Unix seconds."""
        async with asyncio.timeout(5):
            while True:
                [(_, fields)] = await self._redis.xrevrange(f"{keys.LOG}default", count=1)
                event = json.loads(fields[b"e"])
                if event["type"] == "job.succeeded":
                    return datetime.fromisoformat(event["timestamp"]).timestamp()


@asynccontextmanager
async def pressrun(deployment: Deployment) -> AsyncIterator[Pressrun]:
    redis = connect(Settings.from_env({"REDIS_URL": deployment.environ["REDIS_URL"]}))
    worker = await deployment.start("jobs")
    system = Pressrun(deployment, redis, worker, (await redis.info("server"))["process_id"])
    await system.warm_up()
    try:
        yield system
    finally:
        worker.terminate()
        await worker.wait()
        await redis.aclose()


async def main() -> None:
    plain_s = tricks_s = ours_s = 0.0
    cpu_seconds: Counter[str] = Counter()
    async with deployed(("api", "notifier"), PRESSRUN_WORKER_SLOTS=str(PROCESSES)) as deployment:
        for number in range(ROUNDS):
            with bare_loop(plain) as render_plain, bare_loop(tricks) as render_tricks:
                async with pressrun(deployment) as system:
                    turns_s = (
                        await asyncio.to_thread(render_plain, JOBS),
                        await asyncio.to_thread(render_tricks, JOBS),
                        await system.render(JOBS),
                    )
            print(f"round {number + 1}: {', '.join(f'{JOBS / seconds:.1f}' for seconds in turns_s)} PDFs/s")
            plain_s, tricks_s, ours_s = map(sum, zip((plain_s, tricks_s, ours_s), turns_s, strict=True))
            cpu_seconds.update(system.cpu_seconds)
    count = ROUNDS * JOBS
    print(f"bare loop, plain WeasyPrint:      {count / plain_s:6.1f} PDFs/s over {PROCESSES} processes")
    print(f"bare loop, same render tricks:    {count / tricks_s:6.1f} PDFs/s")
    print(f"Pressrun, queued invoices:        {count / ours_s:6.1f} PDFs/s")
    print_target("ratio to plain WeasyPrint", plain_s / ours_s, 1.25, at_most=False)
    print_target("ratio to the same tricks", tricks_s / ours_s, 0.93, at_most=False)
    of_each = {name: seconds / count * 1000 for name, seconds in cpu_seconds.items()}
    print(f"CPU a job: {', '.join(f'{name} {ms:.2f} ms' for name, ms in of_each.items())}")
    print_target("CPU outside the children a job", sum(of_each.values()), 2, at_most=True, unit=" ms")


if __name__ == "__main__":
    run(main())
