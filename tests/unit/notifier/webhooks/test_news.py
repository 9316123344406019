from __future__ import annotations

from notifier.webhooks.news import EXPECTED_S, News


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
