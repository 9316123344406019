"""Submits jobs of a tenant, and repeats what has an idempotency key."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tests.chaos.load.client import Answer, Client
from tests.chaos.load.downloads import note_download
from tests.chaos.load.knowledge import Knowledge, KnownJob
from tests.chaos.load.plans import Plan, Planner
from tests.chaos.observations import BatchRead, BatchSeen, JobRead, JobSeen, Submitted

MAX_UNFINISHED = 40
"""Of a tenant. What is queued when the faults end has to be done within the time for that."""
MAX_IN_FLIGHT = 12
_TRIES = 5


class Submitter:
    def __init__(
        self, client: Client, known: Knowledge, planner: Planner, rng: random.Random, pause_s: float
    ) -> None:
        """`pause_s` is the mean time between two submissions."""
        self._client = client
        self._known = known
        self._planner = planner
        self._rng = rng
        self._pause_s = pause_s
        self.on_accepted: Callable[[str, str], None] = lambda job_id, token: None
        """Called with the id of an accepted job and a token for it."""

    async def run(self, until: asyncio.Event) -> None:
        """Submits until the event is set, then waits for the requests under way."""
        places = asyncio.Semaphore(MAX_IN_FLIGHT)

        async def one(plan: Plan) -> None:
            async with places:
                await self.submit(plan)

        async with asyncio.TaskGroup() as tasks:
            while not until.is_set():
                if len(self._known.unfinished) < MAX_UNFINISHED and not places.locked():
                    tasks.create_task(one(self._planner.next()))
                await asyncio.sleep(self._rng.expovariate(1 / self._pause_s))

    async def submit(self, plan: Plan) -> None:
        """Sends a plan. With a key, again until the outcome is known, and sometimes after."""
        answer = await self._send(plan)
        if plan.key is None:
            return
        for _ in range(_TRIES):
            if answer.status is not None and answer.status < 500:
                break
            await asyncio.sleep(self._rng.uniform(0.2, 2))
            answer = await self._send(plan)
        if self._rng.random() < 0.3:
            await asyncio.sleep(self._rng.uniform(0, 3))
            await self._send(plan)
        if self._rng.random() < 0.1 and plan.retry_of is None:
            await self._send(self._planner.other_content(plan))

    async def _send(self, plan: Plan) -> Answer:
        key = {"Idempotency-Key": plan.key} if plan.key else {}
        answer = await self._client.ask(
            "POST",
            plan.path,
            json=plan.json,
            body=plan.body,
            files=plan.files,
            fields=plan.fields,
            params=plan.params,
            headers={**plan.headers, **key},
        )
        accepted = _accepted(answer)
        self._client.note(
            Submitted,
            answer,
            route=plan.route,
            nonce=plan.nonce,
            content=plan.content,
            key=plan.key,
            expected=plan.expected,
            retry_of=plan.retry_of,
            scheduled_at=plan.scheduled_at,
            expires_in=plan.expires_in,
            webhook_path=plan.webhook_path,
            job_ids=accepted,
            batch_id=answer.json.get("id") if accepted and plan.route == "batches" else None,
            replayed=answer.headers.get("idempotent-replayed") == "true",
            must_refuse=plan.is_invalid,
        )
        if accepted:
            self._learn(plan, answer, accepted)
        return answer

    def _learn(self, plan: Plan, answer: Answer, accepted: tuple[str, ...]) -> None:
        for job_id, expected in zip(accepted, plan.expected, strict=True):
            has_key = plan.key is not None
            self._known.add(KnownJob(job_id, expected, plan.nonce, plan.tags, has_key))
        if plan.route == "batches":
            batch = BatchSeen.of(answer.json)
            self._known.add_batch(batch)
            self._client.note(BatchRead, answer, batch_id=batch.id, batch=batch)
        elif answer.status == 200:
            note_download(self._client, answer, accepted[0])
        else:
            document = answer.json.get("job", answer.json)
            job = JobSeen.of(document)
            self._known.learn(job)
            self._client.note(JobRead, answer, how="submit", job_id=job.id, job=job)
            if answer.status == 202:
                self.on_accepted(job.id, answer.json["subscription"]["token"])


def _accepted(answer: Answer) -> tuple[str, ...]:
    """Returns the ids of the jobs that a submission made, or had made before."""
    if answer.status == 202:
        return tuple(answer.json.get("job_ids") or [answer.json["id"]])
    if answer.status == 200:
        return (answer.headers["content-location"].split("/")[3],)
    return (answer.json["job"]["id"],) if answer.code == "job_failed" else ()
