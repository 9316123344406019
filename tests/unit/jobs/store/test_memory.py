"""How full a store is, in figures and in words."""

from jobs.store.memory import MIB, StoreMemory


def test_a_store_is_nearly_full_from_80_percent_of_its_limit_on() -> None:
    assert not StoreMemory(used=799, limit=1000, events=0).is_nearly_full
    assert StoreMemory(used=800, limit=1000, events=0).is_nearly_full


def test_a_store_without_a_limit_is_never_nearly_full() -> None:
    memory = StoreMemory(used=10**12, limit=None, events=0)
    assert (memory.percent, memory.is_nearly_full) == (None, False)


def test_its_text_says_how_much_the_events_use() -> None:
    assert str(StoreMemory(20 * MIB, 25 * MIB, 5 * MIB)) == "20.0 of 25.0 MiB, 80 % (events 5.0 MiB)"
    assert str(StoreMemory(20 * MIB, None, 5 * MIB)) == "20.0 MiB, no limit (events 5.0 MiB)"
