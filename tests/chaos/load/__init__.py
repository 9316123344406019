"""Uses a running system as its clients do, in every way they can, and writes down what they see.

What is done is chosen by a seed. When it is done depends on how fast answers come, so two runs with
one seed are alike, but not equal.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import aiohttp

from tests.chaos.load.knowledge import Knowledge
from tests.chaos.load.settling import read_all, settle
from tests.chaos.load.tenant import Tenant
from tests.chaos.load.webhooks import Receiver, Secrets
from tests.chaos.observations import Moment, Recorder
from tests.chaos.targets import Targets

_FINAL_READS_S = 600
"""A bound for an hour's jobs. It takes seconds after a short run."""


async def run_load(targets: Targets, *, seed: int, faults_end: asyncio.Event, log: Path) -> None:
    """Makes load until `faults_end`, then waits until everything has ended and reads it once more.

    What clients see is appended to `log` (`tests.chaos.observations`) as it happens.
    """
    everybody = {name: Knowledge() for name in targets.tenant_keys}
    secrets = Secrets()
    connector = aiohttp.TCPConnector(limit=0)
    with Recorder(log) as recorder:
        receiver = Receiver(secrets, recorder, random.Random(f"{seed}/receiver"), faults_end)
        async with aiohttp.ClientSession(connector=connector) as http:
            tenants = [
                Tenant(http, targets, name, seed, recorder, secrets, everybody)
                for name in targets.tenant_keys
            ]
            runner = await receiver.serve(targets.receiver_port)
            try:
                async with asyncio.TaskGroup() as readers:
                    reading = [readers.create_task(tenant.read()) for tenant in tenants]
                    async with asyncio.TaskGroup() as workers:
                        for tenant in tenants:
                            workers.create_task(tenant.work(faults_end))
                    recorder.note(Moment, name="faults_end")
                    await settle(http, targets, tenants)
                    recorder.note(Moment, name="settled")
                    for reader in reading:
                        reader.cancel()
                async with asyncio.timeout(_FINAL_READS_S):
                    for tenant in tenants:
                        await read_all(tenant, targets)
                recorder.note(Moment, name="end")
            finally:
                await runner.cleanup()
