"""Two hundred clients, while notifiers and the store die and the log is trimmed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from jobs.core.errors.request import AlreadyFinished
from jobs.core.errors.store import StoreError
from jobs.core.ids import new_job_id
from jobs.core.job import Submission
from jobs.core.settings import LOCAL_TENANT
from jobs.store.client import translated_errors
from testsupport.core import Core
from testsupport.notifier_process import NotifierProcess
from testsupport.push_client import PushClient
from testsupport.valkey import FaultyValkey
from testsupport.waiting import eventually

CLIENTS = 200
JOBS = 120


async def insist(step: Callable[[], Awaitable[object]]) -> None:
    """Takes a step, again while the store is away. The step must be safe to take twice."""
    while True:
        try:
            await step()
            return
        except StoreError:
            await asyncio.sleep(0.05)
        except AlreadyFinished:  # the answer to the first time was lost
            return


async def end_jobs(core: Core, rng: random.Random, job_ids: list[str], trimmed: asyncio.Event) -> None:
    """Runs jobs, a few at a time, until the log was trimmed; returns ids in order of their ends."""
    waiting: list[str] = []
    while len(job_ids) + len(waiting) < JOBS or not trimmed.is_set():
        submission = Submission(
            job_id=new_job_id(), tenant=LOCAL_TENANT, kind="test", spec=b'{"input":{},"options":{}}'
        )
        await insist(lambda submission=submission: core.store.submit(submission))  # type: ignore[misc]
        waiting.append(submission.job_id)
        while len(waiting) > rng.randrange(6):
            job_ids.append(waiting.pop(rng.randrange(len(waiting))))
            await insist(lambda: core.store.cancel(LOCAL_TENANT, job_ids[-1]))
        await asyncio.sleep(0.1 * rng.random())
    for job_id in waiting:
        job_ids.append(job_id)
        await insist(lambda: core.store.cancel(LOCAL_TENANT, job_ids[-1]))


async def break_things(
    notifiers: list[NotifierProcess],
    valkey: FaultyValkey,
    core: Core,
    rng: random.Random,
    job_ids: list[str],
    trimmed: asyncio.Event,
) -> None:
    """Causes faults, each kind at least twice, in an order that the seed decides."""
    faults = ["kill notifier", "restart store", "trim log"] * 2
    rng.shuffle(faults)
    for fault in faults:
        await asyncio.sleep(0.5 + rng.random())
        match fault:
            case "kill notifier":
                victim = rng.choice(notifiers)
                await victim.kill()
                await asyncio.sleep(rng.random())
                await victim.__aenter__()
            case "restart store":
                await asyncio.to_thread(valkey.kill)
                await asyncio.sleep(rng.random())
                await asyncio.to_thread(valkey.start)
            case "trim log":  # while nobody can read it
                for notifier in notifiers:
                    await notifier.kill()
                ended = len(job_ids)
                await asyncio.sleep(1)
                if not trimmed.is_set():  # otherwise there may be no more
                    await eventually(lambda ended=ended: len(job_ids) > ended + 2)  # type: ignore[misc]
                await insist(lambda: trim(core, keep=1))
                trimmed.set()
                for notifier in notifiers:
                    await notifier.__aenter__()


async def trim(core: Core, keep: int) -> None:
    with translated_errors():
        await core.redis.xtrim(f"pr:log:{LOCAL_TENANT}", maxlen=keep, approximate=False)


@pytest.mark.parametrize("seed", [7, 42])
async def test_every_client_sees_every_end_once_and_in_order(
    own_valkey: FaultyValkey, tmp_path: Path, seed: int
) -> None:
    core = Core.open(own_valkey.url, tmp_path)
    async with contextlib.AsyncExitStack() as stack:
        notifiers = [
            await stack.enter_async_context(
                NotifierProcess(REDIS_URL=own_valkey.url, PRESSRUN_DATA_DIR=str(tmp_path))
            )
            for _ in range(2)
        ]
        began: set[int] = set()
        followers, tasks = [], []
        for number in range(CLIENTS):
            own = random.Random(seed * CLIENTS + number)
            client = PushClient(
                lambda own=own: f"ws://127.0.0.1:{own.choice(notifiers).port}/v1/ws",  # type: ignore[misc]
                core,
                LOCAL_TENANT,
                own,
            )
            followers.append(client)
            tasks.append(asyncio.create_task(client.run(lambda number=number: began.add(number))))  # type: ignore[misc]
        await eventually(lambda: len(began) == CLIENTS)

        job_ids: list[str] = []
        trimmed = asyncio.Event()
        await asyncio.gather(  # each with chances of its own: they take turns as this machine has it
            end_jobs(core, random.Random(f"jobs {seed}"), job_ids, trimmed),
            break_things(notifiers, own_valkey, core, random.Random(f"faults {seed}"), job_ids, trimmed),
        )
        await eventually(lambda: all(_knows_all(client, job_ids) for client in followers))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    for client in followers:
        assert {job_id: len(versions) for job_id, versions in client.ends.items()} == dict.fromkeys(
            job_ids, 1
        )
        assert client.sequences == sorted(set(client.sequences))  # not even a repeat to deduplicate
    assert len({epoch for client in followers for epoch, _ in client.sequences}) == 1
    # It did break, and beyond retention nobody was left in the dark.
    assert sum(client.connections for client in followers) > CLIENTS
    assert sum(client.resets for client in followers) > 0
    await core.redis.aclose()


def _knows_all(client: PushClient, job_ids: list[str]) -> bool:
    return all(client.ends.get(job_id) for job_id in job_ids)
