"""PDFs per second of a backlog of small invoices: the whole system against bare loops over as many warm processes.

Three runs, one after the other, on all cores: (a) plain WeasyPrint (`HTML(string=…).write_pdf()`) in warm processes
fed over a pipe, (b) the same loop with the render child's own engine, (c) Pressrun: 500 jobs already queued, from the
first start to the last `job.succeeded`. CPU outside the children is what web, worker, notifier and the store used.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from benchmarks.stage import INVOICE, run, stage, verdict
from jobs import keys
from jobs.settings import Settings
from jobs.store_client import connect

JOBS = 500
WARM_UP = 10
PROCESSES = os.cpu_count() or 1
ANEW = {"cache": False}
"""Every job renders, as jobs with different invoices would."""
TICKS = os.sysconf("SC_CLK_TCK")


def plain(connection: Connection) -> None:
    """WeasyPrint as its documentation shows it."""
    from weasyprint import HTML

    while document := connection.recv_bytes():
        connection.send_bytes(HTML(string=document.decode()).write_pdf() or b"")


def tricks(connection: Connection) -> None:
    """The engine of Pressrun's render child, without the rest."""
    from jobs.render.engine import Engine
    from jobs.render.limits import RenderLimits

    engine = Engine(RenderLimits.from_settings(Settings.from_env({})))
    engine.warm_up()
    while document := connection.recv_bytes():
        connection.send_bytes(engine.render("html", document, {}, lambda step: None).pdf)
        engine.tidy_up()


def bare_loop(target: Callable[[Connection], None]) -> float:
    """PDFs per second with one document at a time per process and nothing else to do."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
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
            for pipe in multiprocessing.connection.wait(pipes):
                assert isinstance(pipe, Connection)
                assert pipe.recv_bytes().startswith(b"%PDF")
                received += 1
                if sent < count:
                    pipe.send_bytes(document)
                    sent += 1
        return time.perf_counter() - began

    render(WARM_UP * PROCESSES)
    seconds = render(JOBS)
    for pipe in pipes:
        pipe.send_bytes(b"")
    for process in processes:
        process.join()
    return JOBS / seconds


def cpu_seconds(pids: list[int]) -> float:
    """CPU that these processes (not their children) have used."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


async def pressrun() -> tuple[float, float]:
    """PDFs per second, and CPU seconds a job outside the render children."""
    async with stage(("api", "notifier"), PRESSRUN_WORKER_SLOTS=str(PROCESSES)) as deployment:
        redis = connect(Settings.from_env({"REDIS_URL": deployment.environ["REDIS_URL"]}))
        worker = await deployment.start("jobs")
        for _ in range(WARM_UP * PROCESSES):
            submitted = await deployment.submit(INVOICE, options=ANEW)
        await deployment.until(submitted["id"], "succeeded")
        warm = await redis.zcard(f"{keys.JOBS}default:succeeded")

        scheduled = time.time() + 5 + JOBS / 200
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(scheduled))
        for _ in range(JOBS):
            await deployment.submit(INVOICE, options=ANEW, scheduled_at=at)
        pids = [worker.pid, *(process.pid for _, process in deployment.processes)]
        pids = [*dict.fromkeys(pids), (await redis.info("server"))["process_id"]]
        while await redis.zcard(f"{keys.JOBS}default:running") == 0:
            await asyncio.sleep(0.001)
        before, began = cpu_seconds(pids), time.perf_counter()
        while await redis.zcard(f"{keys.JOBS}default:succeeded") < warm + JOBS:
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - began
        used = cpu_seconds(pids) - before
        first, last = await bounds(redis)
        print(
            f"first start → last success by the event log: {last - first:.2f} s (by the clock here: {seconds:.2f} s)"
        )
        await redis.aclose()
    return JOBS / (last - first), used / JOBS


async def bounds(redis: object) -> tuple[float, float]:
    """Unix seconds of the first start and the last success among the last `JOBS` jobs."""
    from datetime import datetime

    from redis.asyncio import Redis

    assert isinstance(redis, Redis)
    starts, ends = [], []
    for _, fields in await redis.xrevrange(keys.LOG + "default", count=2 * JOBS + 20):
        event = json.loads(fields[b"e"])
        at = datetime.fromisoformat(event["timestamp"]).timestamp()
        if event["type"] == "job.started":
            starts.append(at)
        elif event["type"] == "job.succeeded":
            ends.append(at)
    return min(sorted(starts)[-JOBS:]), max(ends)


async def main() -> None:
    plain_rate = await asyncio.to_thread(bare_loop, plain)
    tricks_rate = await asyncio.to_thread(bare_loop, tricks)
    rate, cpu = await pressrun()
    print(f"bare loop, plain WeasyPrint:      {plain_rate:6.1f} PDFs/s over {PROCESSES} processes")
    print(f"bare loop, same render tricks:    {tricks_rate:6.1f} PDFs/s")
    print(f"Pressrun, {JOBS} queued invoices:   {rate:6.1f} PDFs/s")
    verdict("ratio to plain WeasyPrint", rate / plain_rate, 1.25, at_most=False)
    verdict("ratio to the same tricks", rate / tricks_rate, 0.93, at_most=False)
    verdict("CPU outside the children a job", cpu * 1000, 2, at_most=True, unit=" ms")


if __name__ == "__main__":
    run(main())
