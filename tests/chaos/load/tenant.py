"""A tenant under load: its clients of every kind, and what they know together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress

import aiohttp

from tests.chaos.load import documents
from tests.chaos.load.client import Client
from tests.chaos.load.knowledge import Knowledge
from tests.chaos.load.meddler import Meddler
from tests.chaos.load.plans import Planner
from tests.chaos.load.readers import JobFollower, LogPager, Reader, StreamReader, WebSocketReader
from tests.chaos.load.submitter import Submitter
from tests.chaos.load.webhooks import Endpoints, Secrets
from tests.chaos.observations import Recorder
from tests.chaos.targets import Targets

_MEAN_PAUSE_S = 0.25
"""Between two submissions, and between two other requests, of all tenants together."""
_FOLLOWERS = 8
"""Jobs that are followed at the same time."""
_VISIT_PAUSE_S = 8
"""The mean time between two readers that come back with an old cursor."""


class Tenant:
    def __init__(
        self,
        http: aiohttp.ClientSession,
        targets: Targets,
        name: str,
        seed: int,
        recorder: Recorder,
        secrets: Secrets,
        everybody: Mapping[str, Knowledge],
    ) -> None:
        """`everybody` is what is known of each tenant, this one included."""

        def chance(of: str) -> random.Random:
            return random.Random(f"{seed}/{name}/{of}")

        pause_s = _MEAN_PAUSE_S * len(everybody)
        push_urls = (*targets.push_urls, *(url.replace("http", "ws", 1) for url in targets.web_urls))
        self.client = Client(http, targets, name, chance("client"), recorder)
        self.known = everybody[name]
        self.pager = LogPager(self.client, self.known)
        self.endpoints = Endpoints(self.client, secrets, chance("endpoints"), targets.receiver_port)
        self.readers: list[Reader] = [
            WebSocketReader(self.client, "websocket-1", chance("websocket-1"), push_urls),
            WebSocketReader(self.client, "websocket-2", chance("websocket-2"), push_urls),
            StreamReader(self.client, "stream", chance("stream")),
        ]
        planner = Planner(chance("planner"), name, self.known, targets.receiver_port)
        self._submitter = Submitter(self.client, self.known, planner, chance("submitter"), pause_s)
        self._submitter.on_accepted = self._follow
        others = {other: known for other, known in everybody.items() if other != name}
        self._meddler = Meddler(
            self.client, self.known, self._submitter, planner, others, chance("meddler"), pause_s
        )
        self._push_urls = push_urls
        self._chance = chance("followers")
        self._visits = chance("visitors")
        self._followers: set[asyncio.Task[None]] = set()

    async def work(self, until: asyncio.Event) -> None:
        """Submits, meddles and makes webhook endpoints until the event is set."""
        await self._put_template(until)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.endpoints.run(until))
            tasks.create_task(self._submitter.run(until))
            tasks.create_task(self._meddler.run(until))
            tasks.create_task(self._visit(until))

    async def _visit(self, until: asyncio.Event) -> None:
        """Reads from old cursors on, as clients do that were away for long."""
        chance, number = self._visits, 0
        while not until.is_set():
            await asyncio.sleep(chance.expovariate(1 / _VISIT_PAUSE_S))
            if not self.pager.cursors:
                continue
            number += 1
            name, cursor = f"visitor-{number}", chance.choice(self.pager.cursors)
            await self.pager.look_back(chance.choice(self.pager.cursors))
            if chance.random() < 0.5:
                await StreamReader(self.client, name, chance).visit(cursor)
            else:
                await WebSocketReader(self.client, name, chance, self._push_urls).visit(cursor)

    async def read(self) -> None:
        """Reads events in every way until it is cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.pager.run())
                for reader in self.readers:
                    tasks.create_task(reader.run())
        finally:
            for follower in self._followers:
                follower.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*self._followers, return_exceptions=True)

    async def _put_template(self, until: asyncio.Event) -> None:
        """Makes all versions of the template. The same content twice makes no version."""
        for version in documents.TEMPLATE_VERSIONS:
            while not until.is_set():
                content = {"html": documents.template(version)}
                answer = await self.client.ask("PUT", f"/v1/templates/{documents.TEMPLATE}", json=content)
                if answer.status in (200, 201):
                    break
                await asyncio.sleep(0.5)

    def _follow(self, job_id: str, token: str) -> None:
        if len(self._followers) >= _FOLLOWERS:
            return
        follower = JobFollower(self.client, job_id, token, self._chance, self._push_urls)
        task = asyncio.create_task(follower.run())
        self._followers.add(task)
        task.add_done_callback(self._followers.discard)
