"""The console page when processes die and networks fail."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from redis.asyncio import Redis

from testsupport.browser import Visitor, chromium, needs_chromium, status_of_open_job, submit
from testsupport.deployment import Deployment

pytestmark = needs_chromium

KEY = "a-key-for-the-console"
WITH_KEYS = {
    "PRESSRUN_API_KEYS": f"acme:{KEY}",
    "PRESSRUN_SECRET_KEY": "a-secret-of-thirty-two-characters",
    "PRESSRUN_HOST": "127.0.0.1",
}


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


async def finish(running: Deployment, page: Page, **headers: str) -> None:
    """Starts the worker, and waits until the open job is done, whatever the page shows."""
    await running.start("jobs")
    running.http.headers.update(headers)
    await running.until(page.url.rpartition("/")[2], "succeeded")


async def test_a_page_that_was_offline_catches_up(
    redis: Redis, redis_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with (
        Deployment.running(redis_url, tmp_path, ("api", "notifier")) as running,
        Visitor.arrives(browser, running.url) as visitor,
    ):
        page = await visitor.open()
        await submit(page, "<title>Meanwhile</title><p>x")
        await expect(status_of_open_job(page)).to_have_text("Queued")
        await visitor.context.set_offline(True)
        await finish(running, page)
        await visitor.context.set_offline(False)
        await expect(status_of_open_job(page)).to_have_text("Succeeded")
        await expect(page.locator(".timeline li")).to_have_count(3)
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()


async def test_a_page_survives_the_web_process_that_served_it(
    redis: Redis, redis_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with Deployment.running(redis_url, tmp_path, ("notifier",)) as running:
        web = await running.start("api")
        await running.ready()
        async with Visitor.arrives(browser, running.url) as visitor:
            page = await visitor.open()
            await page.evaluate("window.wasNotReloaded = true")
            await submit(page, "<title>Meanwhile</title><p>x")
            web.send_signal(signal.SIGKILL)
            await web.wait()
            await running.start("api")
            await running.ready()
            await finish(running, page)
            await expect(status_of_open_job(page)).to_have_text("Succeeded")
            await expect(page.get_by_text("Live", exact=True)).to_be_visible()
            assert await page.evaluate("window.wasNotReloaded")


async def test_a_page_whose_origin_the_notifier_refuses_uses_the_web_process(
    redis: Redis, redis_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with (
        Deployment.running(redis_url, tmp_path, ("api", "notifier"), **WITH_KEYS) as running,
        Visitor.arrives(
            browser, f"http://127.0.0.1:{running.port}"
        ) as visitor,  # the notifier expects localhost
    ):
        page = await visitor.open_without_waiting()
        await page.get_by_role("textbox", name="API key").fill(KEY)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()


async def test_a_page_with_a_key_goes_on_when_the_notifier_dies(
    redis: Redis, redis_url: str, tmp_path: Path, browser: Browser
) -> None:
    async with Deployment.running(redis_url, tmp_path, ("api",), **WITH_KEYS) as running:
        notifier = await running.start("notifier")
        await running.ready()
        async with Visitor.arrives(browser, f"http://localhost:{running.port}") as visitor:
            page = await visitor.open_without_waiting()
            dialog = page.get_by_role("dialog")
            await dialog.get_by_label("API key").fill("not-the-right-key")
            await page.keyboard.press("Enter")
            await expect(dialog.get_by_role("alert")).to_contain_text("not valid")
            await dialog.get_by_label("API key").fill(KEY)
            async with page.expect_websocket() as opened:
                await page.keyboard.press("Enter")
            assert str(running.notifier_port) in (await opened.value).url
            await expect(page.get_by_text("Live", exact=True)).to_be_visible()
            await submit(page, "<title>Meanwhile</title><p>x")
            notifier.send_signal(signal.SIGKILL)
            await notifier.wait()
            await finish(running, page, Authorization=f"Bearer {KEY}")
            await expect(status_of_open_job(page)).to_have_text("Succeeded")
            await expect(page.get_by_title("The rendered PDF")).to_be_visible()
            await expect(page.get_by_text("Live", exact=True)).to_be_visible()
            # The key is kept for this tab only: a reload does not ask for it, another tab does.
            await page.reload()
            await expect(page.get_by_text("Live", exact=True)).to_be_visible()
            await expect(status_of_open_job(page)).to_have_text("Succeeded")
            other = await visitor.open_without_waiting()
            await expect(other.get_by_role("dialog")).to_be_visible()
