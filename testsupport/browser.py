"""Debian's Chromium, driven as a person would, and an eye on what a page should never do."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from testsupport.waiting import DEADLINE_S

CHROMIUM = shutil.which("chromium")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)
_TELL_OF_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({violatedDirective, blockedURI, sourceFile, lineNumber}) =>
  console.error(`policy violated: ${violatedDirective} ${blockedURI} ${sourceFile}:${lineNumber}`));
"""

expect.set_options(timeout=DEADLINE_S * 1000)

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ, reason="Chromium is not installed"
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    assert CHROMIUM is not None, "CI has to have Chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


class Visitor:
    """Somebody with a browser window. What the page complains about is kept in `complaints`."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.complaints: list[str] = []
        self._url = url

    async def open(self, path: str = "/") -> Page:
        """Another tab with the console, live."""
        page = await self.open_as_it_is(path)
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()
        return page

    async def open_as_it_is(self, path: str = "/") -> Page:
        """Another tab, in whatever state it comes up."""
        page = await self.context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(self._url + path)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    @classmethod
    @asynccontextmanager
    async def arrives(cls, browser: Browser, url: str, **options: Any) -> AsyncIterator[Visitor]:
        """A fresh browser profile; `options` as for `Browser.new_context`."""
        context = await browser.new_context(**options)
        context.set_default_timeout(DEADLINE_S * 1000)
        await context.add_init_script(_TELL_OF_VIOLATIONS)
        try:
            yield cls(context, url)
        finally:
            await context.close()


async def submit(page: Page, html: str) -> None:
    """Types the document and sends it off; returns when the new job is open."""
    await page.get_by_label("Document", exact=True).fill(html)
    await page.get_by_role("button", name="Render PDF").click()
    await page.wait_for_url("**/#/jobs/*")


def status_of_open_job(page: Page) -> Any:
    """The badge beside the open job's title."""
    return page.locator(".open-job .title .badge")
