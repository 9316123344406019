from __future__ import annotations

import asyncio

from jobs.worker.coalescing import Company

FOR_EVER_S = 3600.0


async def waiting(company: Company, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(company.wait()) for _ in range(count)]
    await asyncio.sleep(0)  # they have begun
    return tasks


async def test_all_who_wait_leave_together() -> None:
    company = Company(FOR_EVER_S)
    tasks = await waiting(company, 3)
    company.depart()
    await asyncio.sleep(0)
    assert all(task.done() for task in tasks)


async def test_who_comes_after_a_departure_waits_for_the_next() -> None:
    company = Company(FOR_EVER_S)
    first = await waiting(company, 1)
    company.depart()
    second = await waiting(company, 1)
    await asyncio.wait(first)
    assert not second[0].done()
    company.depart()
    await asyncio.wait(second)


async def test_a_departure_without_anybody_lets_nobody_go_later() -> None:
    company = Company(FOR_EVER_S)
    company.depart()
    tasks = await waiting(company, 1)
    await asyncio.sleep(0)
    assert not tasks[0].done()
    company.depart()
    await asyncio.wait(tasks)


async def test_nobody_waits_for_ever() -> None:
    company = Company(0.01)
    for _ in range(2):
        await company.wait()


async def test_one_who_gives_up_keeps_nobody_from_leaving() -> None:
    company = Company(FOR_EVER_S)
    gives_up, stays = await waiting(company, 2)
    gives_up.cancel()
    company.depart()
    await stays
    assert gives_up.cancelled()
