"""After the faults: waits until all that is owed has come, then reads everything once more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import aiohttp

from tests.chaos.load.client import Answer
from tests.chaos.load.downloads import note_download
from tests.chaos.load.knowledge import KnownJob
from tests.chaos.load.meddler import list_jobs, look_at_batch, note_job
from tests.chaos.load.readers import LogPager
from tests.chaos.load.tenant import Tenant
from tests.chaos.observations import Pending
from tests.chaos.targets import Targets

SETTLE_S = 240
"""The longest wait: until nearly every retry of a webhook is due."""
CALM_S = 28
"""The shortest wait: a delivery that was not recorded as sent is sent again after 25 s."""
_PAUSE_S = 0.5
_AT_ONCE = 8
_TRIES = 10
_UNDER_WAY = ("pending", "sending")
_LISTS: tuple[dict[str, str], ...] = (
    {},
    {"status": "succeeded"},
    {"status": "failed"},
    {"status": "cancelled"},
    {"tag": "red"},
)


async def settle(http: aiohttp.ClientSession, targets: Targets, tenants: Sequence[Tenant]) -> None:
    """Returns when all jobs have ended, all readers have caught up, and no webhook is under way; or
    after `SETTLE_S`."""
    began = time.monotonic()
    while time.monotonic() < began + SETTLE_S:
        await asyncio.sleep(_PAUSE_S)
        if time.monotonic() < began + CALM_S or not await _is_outbox_empty(http, targets):
            continue
        if all([await _is_settled(tenant, targets) for tenant in tenants]):
            return


async def _is_outbox_empty(http: aiohttp.ClientSession, targets: Targets) -> bool:
    headers = {"Authorization": f"Bearer {targets.operator_key}"}
    timeout = aiohttp.ClientTimeout(5)
    try:
        async with http.get(targets.web_urls[0] + "/readyz", headers=headers, timeout=timeout) as answer:
            return answer.status == 200 and (await answer.json())["webhooks"]["outbox"] == 0
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _is_settled(tenant: Tenant, targets: Targets) -> bool:
    for job_id in list(tenant.known.unfinished):  # a full store may have trimmed the event of its end
        note_job(
            tenant.client, tenant.known, "get", job_id, await tenant.client.ask("GET", f"/v1/jobs/{job_id}")
        )
    if tenant.known.unfinished or tenant.pager.has_more:
        return False
    if any(reader.cursor != tenant.pager.cursor for reader in tenant.readers):
        return False
    return await _deliveries_under_way(tenant, targets) == []


async def _deliveries_under_way(tenant: Tenant, targets: Targets) -> list[dict[str, object]] | None:
    """Returns the deliveries that have not ended; None if that cannot be asked now."""
    found: list[dict[str, object]] = []
    origin = f"http://127.0.0.1:{targets.receiver_port}/"
    lists = {"/v1/webhook-deliveries": {"url": origin}}
    lists |= {f"/v1/webhook-endpoints/{each}/deliveries": {} for each in tenant.endpoints.lasting}
    for path, params in lists.items():
        for status in _UNDER_WAY:
            answer = await tenant.client.ask("GET", path, params={**params, "status": status, "limit": "100"})
            if answer.status != 200:
                return None
            found += answer.json["items"]
    return found


async def read_all(tenant: Tenant, targets: Targets) -> None:
    """Reads all that a tenant can see: its log, jobs, results, batches, lists, deliveries."""
    client, known = tenant.client, tenant.known
    pager = LogPager(client, known, is_last=True)
    await _until_answered(partial(_whole_log, pager))
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(job: KnownJob) -> None:
        async with places:
            answer = await _answered(tenant, f"/v1/jobs/{job.id}")
            note_job(client, known, "get", job.id, answer)
            note_download(client, await _answered(tenant, f"/v1/jobs/{job.id}/result"), job.id)

    async with asyncio.TaskGroup() as tasks:
        for job in list(known.jobs.values()):
            tasks.create_task(one(job))
    for batch_id in known.batches:
        await _until_answered(partial(look_at_batch, client, batch_id))
    for filters in _LISTS:
        await _until_answered(partial(list_jobs, client, filters))
    for delivery in await _deliveries_under_way(tenant, targets) or []:
        attempts = delivery["attempts"]
        assert isinstance(attempts, list)
        client.recorder.note(
            Pending,
            tenant=client.tenant,
            endpoint_id=delivery["endpoint_id"],
            url=delivery["url"],
            event_id=delivery["event_id"],
            attempts=len(attempts),
        )


async def _whole_log(pager: LogPager) -> bool:
    while await pager.read_page():
        if not pager.has_more:
            return True
    return False


async def _answered(tenant: Tenant, path: str) -> Answer:
    """Asks until an answer comes, a few times."""
    answer = await tenant.client.ask("GET", path)
    for _ in range(_TRIES):
        if answer.status is not None and answer.status < 500:
            break
        await asyncio.sleep(_PAUSE_S)
        answer = await tenant.client.ask("GET", path)
    return answer


async def _until_answered(read: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(_TRIES):
        if await read():
            return
        await asyncio.sleep(_PAUSE_S)
