from __future__ import annotations

import asyncio

import pytest

from api.http.body_memory import BodyDisk, BodyMemory
from jobs.core.errors.request import ServerBusy


async def waiting(memory: BodyMemory, size: int) -> asyncio.Task[int]:
    task = asyncio.create_task(memory.take(size))
    await asyncio.sleep(0)
    return task


async def test_memory_is_shared_out_in_order() -> None:
    memory = BodyMemory(10)
    assert await memory.take(6) == 6
    large, small = await waiting(memory, 7), await waiting(memory, 1)
    assert not large.done()
    assert not small.done(), "nobody is overtaken, so the large one gets its turn"
    memory.give_back(6)
    assert [await large, await small] == [7, 1]


async def test_a_body_that_is_larger_than_all_gets_all() -> None:
    memory = BodyMemory(10)
    assert await memory.take(99) == 10
    next_one = await waiting(memory, 1)
    assert not next_one.done()
    memory.give_back(10)
    assert await next_one == 1


async def test_who_stops_waiting_takes_nothing() -> None:
    memory = BodyMemory(10)
    await memory.take(6)
    large, small = await waiting(memory, 7), await waiting(memory, 4)
    large.cancel()
    assert await small == 4, "it does not wait behind one that has gone"
    last = await waiting(memory, 10)
    memory.give_back(6)
    memory.give_back(4)
    last.cancel()  # while its turn comes
    await asyncio.gather(last, return_exceptions=True)
    assert await memory.take(10) == 10


def test_bodies_on_disk_have_a_limit_together() -> None:
    disk = BodyDisk(10, of_a_tenant=10)
    disk.take("acme", 6)
    with pytest.raises(ServerBusy):
        disk.take("globex", 5)
    disk.give_back("acme", 6)
    disk.take("globex", 10)


def test_bodies_of_one_tenant_leave_room_on_the_disk_for_the_others() -> None:
    disk = BodyDisk(10, of_a_tenant=4)
    disk.take("acme", 3)
    with pytest.raises(ServerBusy):
        disk.take("acme", 2)
    disk.take("globex", 4)
    disk.give_back("acme", 3)
    disk.take("acme", 4)
