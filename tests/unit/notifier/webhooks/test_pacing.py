from __future__ import annotations

import asyncio

import pytest

from notifier.webhooks import pacing as news_module
from notifier.webhooks.pacing import EXPECTED_S, News


def test_news_is_expected_for_a_while_after_some_came() -> None:
    now = 0.0
    news = News(lambda: now)
    assert not news.is_expected

    news.came()
    now = EXPECTED_S / 2
    assert news.is_expected

    news.came()
    now += EXPECTED_S * 0.9
    assert news.is_expected
    now += EXPECTED_S * 0.2
    assert not news.is_expected


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is released by time."""
    monkeypatch.setattr(news_module, "STAND_BACK_S", 30)


async def test_whoever_makes_room_goes_on_when_news_has_been_taken(patient: None) -> None:
    news = News()
    await news.pass_by()
    with news.on_its_way():
        passing, arriving = asyncio.create_task(news.pass_by()), asyncio.create_task(news.arrive())
        await asyncio.sleep(0)
        assert not arriving.done()
        news.came()
        await arriving
    await asyncio.sleep(0)
    assert not passing.done(), "it waits to be taken"
    news.taken(news.count)
    await passing
    await news.arrive()


async def test_what_turns_out_to_be_no_news_releases_at_once(patient: None) -> None:
    news = News()
    with news.on_its_way():
        waiting = asyncio.gather(news.pass_by(), news.arrive())
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def test_news_that_comes_while_other_is_taken_is_waiting_still(patient: None) -> None:
    news = News()
    news.came()
    seen = news.count
    news.came()
    news.taken(seen)
    assert news.is_waiting
    news.taken(news.count)
    assert not news.is_waiting


async def test_nobody_makes_room_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news_module, "STAND_BACK_S", 0.001)
    news = News()
    news.came()
    with news.on_its_way():
        await news.pass_by()
    news.taken(news.count)
    with news.on_its_way():
        await news.arrive()
