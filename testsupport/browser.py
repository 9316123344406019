"""Drives Debian's Chromium as a person would, and collects what a page complains about."""

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
_LOG_POLICY_VIOLATIONS = """
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
    """A browser profile with its tabs.

    `complaints` has the errors and warnings of all its pages.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.complaints: list[str] = []
        self._url = url

    async def open(self, path: str = "/") -> Page:
        """Opens a tab and returns when its page is connected ("Live")."""
        page = await self.open_without_waiting(path)
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()
        return page

    async def open_without_waiting(self, path: str = "/") -> Page:
        """Opens a tab and does not wait for its connection."""
        page = await self.context.new_page()
        page.on("console", self._keep_complaint)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(self._url + path)
        return page

    def _keep_complaint(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    @classmethod
    @asynccontextmanager
    async def arrives(cls, browser: Browser, url: str, **options: Any) -> AsyncIterator[Visitor]:
        """A visitor with a fresh profile; `options` as for `Browser.new_context`."""
        context = await browser.new_context(**options)
        context.set_default_timeout(DEADLINE_S * 1000)
        await context.add_init_script(_LOG_POLICY_VIOLATIONS)
        try:
            yield cls(context, url)
        finally:
            await context.close()


async def submit(page: Page, html: str) -> None:
    """Types the document and submits it; returns when the page of the new job is open."""
    await page.get_by_label("Document", exact=True).fill(html)
    await page.get_by_role("button", name="Render PDF").click()
    await page.wait_for_url("**/#/jobs/*")


def status_of_open_job(page: Page) -> Any:
    """Returns the badge beside the title of the open job."""
    return page.locator(".open-job .title .badge")
