"""The console page, used as a person uses it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, WebSocketRoute, expect
from redis.asyncio import Redis

from jobs.store import keys
from testsupport import documents
from testsupport.browser import Visitor, chromium, needs_chromium, status_of_open_job, submit
from testsupport.deployment import Deployment
from testsupport.valkey import FaultyValkey
from testsupport.waiting import eventually

pytestmark = [needs_chromium, pytest.mark.asyncio(loop_scope="module")]


def pages_of(count: int) -> str:
    return "<title>A long novel</title>" + "<p style='break-after: page'>word" * count


ENDLESS = "<title>Endless</title>" + documents.ENDLESS
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

CONTRASTS = (Path(__file__).parent / "contrasts.js").read_text()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    valkey: FaultyValkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Deployment]:
    async with Redis.from_url(valkey.url) as redis:
        await redis.flushall()
    directory = tmp_path_factory.mktemp("console")
    egress = {"PRESSRUN_EGRESS_ALLOW": "127.0.0.0/8"}  # these tests send webhooks to this machine
    async with Deployment.running(valkey.url, directory, ("api", "jobs", "notifier"), **egress) as deployment:
        yield deployment


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(browser: Browser, running: Deployment) -> AsyncIterator[Visitor]:
    async with Visitor.arrives(browser, running.url) as arrived:
        yield arrived
        assert arrived.complaints == []


async def test_a_document_is_submitted_and_its_pages_appear_without_a_reload(visitor: Visitor) -> None:
    page = await visitor.open()
    await page.evaluate("window.wasNotReloaded = true")
    await page.get_by_role("button", name="Use a sample").click()
    await page.get_by_role("button", name="Render PDF").click()
    await expect(page.get_by_role("heading", name="Invoice 2026-0042")).to_be_visible()
    await expect(status_of_open_job(page)).to_have_text("Succeeded")
    await expect(page.locator(".timeline .what")).to_have_text(
        ["Queued", re.compile("Started"), "Succeeded"], use_inner_text=True
    )
    await expect(page.locator("#job-list li").first).to_contain_text("1 page")
    await expect(page.get_by_title("The rendered PDF")).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    assert (await download.value).suggested_filename == "Invoice 2026-0042.pdf"
    assert (await (await download.value).path()).read_bytes().startswith(b"%PDF-")
    assert await page.evaluate("window.wasNotReloaded")


async def test_a_picture_is_shown_and_a_zip_can_be_downloaded(visitor: Visitor, running: Deployment) -> None:
    pdf = await running.submit("<h1>One</h1><h1 style='break-before: page'>Two</h1>")
    await running.until(pdf["id"], "succeeded")
    ids = []
    for pages in ("2", "1-2"):
        body = {"kind": "pdf.preview", "input": {"job_id": pdf["id"]}, "options": {"pages": pages}}
        async with running.http.post(f"{running.url}/v1/jobs", json=body) as answer:
            ids.append((await answer.json())["id"])
        await running.until(ids[-1], "succeeded")
    page = await visitor.open(f"/#/jobs/{ids[0]}")
    picture = page.get_by_alt_text("The page that was asked for")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 800
    await page.goto(f"{running.url}/#/jobs/{ids[1]}")
    await expect(status_of_open_job(page)).to_have_text("Succeeded")
    await expect(page.locator(".preview")).to_be_hidden()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    assert (await download.value).suggested_filename == "pdf.preview.zip"


async def test_progress_moves_while_a_long_document_is_rendered(visitor: Visitor) -> None:
    page = await visitor.open()
    await submit(page, pages_of(30_000))
    await expect(page.locator(".open-job progress")).to_have_attribute("value", re.compile(r"[2-9]\d"))
    await expect(page.locator(".open-job .progress")).to_contain_text(re.compile(r"page \d+"))
    await page.get_by_role("button", name="Cancel").click()
    await expect(status_of_open_job(page)).to_have_text("Cancelled")


async def test_a_job_says_how_many_pages_it_has(visitor: Visitor) -> None:
    page = await visitor.open()
    await submit(page, pages_of(23))
    await expect(status_of_open_job(page)).to_have_text("Succeeded")
    await expect(page.locator(".open-job dt:text-is('Pages') + dd")).to_have_text("23")


async def test_the_list_says_that_a_document_has_warnings(visitor: Visitor) -> None:
    page = await visitor.open()
    await submit(page, "<title>Typo</title><p style='colr: red'>x")
    await expect(page.locator("#job-list li").first).to_contain_text("1 warning")


async def test_a_result_that_has_expired_is_not_offered(visitor: Visitor, valkey: FaultyValkey) -> None:
    page = await visitor.open()
    await submit(page, "<title>Gone soon</title><p>x")
    await expect(page.get_by_role("button", name="Download")).to_be_visible()
    async with Redis.from_url(valkey.url) as redis:
        await redis.zadd(keys.EXPIRY_RESULTS, {page.url.rpartition("/")[2]: 1})
    await expect(page.locator("#job-list li", has_text="Gone soon")).to_contain_text("Result expired")
    await expect(page.get_by_role("button", name="Download")).to_have_count(0)
    await expect(page.get_by_role("button", name="Delete")).to_be_visible()


async def test_a_document_that_fails_shows_why(visitor: Visitor) -> None:
    page = await visitor.open()
    await page.get_by_text("Options").click()
    await page.get_by_label("Fail on warnings").check()
    await submit(page, "<title>Typo</title><p style='colr: red'>x")
    await expect(status_of_open_job(page)).to_have_text("Failed")
    await expect(page.get_by_role("heading", name="Why it failed")).to_be_visible()
    await expect(page.locator(".open-job .box")).to_contain_text("strict_warnings")


async def test_a_running_job_can_be_cancelled_retried_and_deleted(visitor: Visitor) -> None:
    page = await visitor.open()
    await submit(page, ENDLESS)
    await expect(status_of_open_job(page)).to_have_text("Running")
    await page.get_by_role("button", name="Cancel").click()
    await expect(status_of_open_job(page)).to_have_text("Cancelled")
    await page.get_by_role("button", name="Run again").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(status_of_open_job(page)).to_have_text("Cancelled")
    row = page.locator("#job-list [aria-current]")
    await expect(row).to_have_count(1)
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(row).to_have_count(0)
    await expect(page.get_by_role("heading", name="HTML in, PDF out.")).to_be_visible()


async def test_a_button_can_be_pressed_while_the_job_changes(visitor: Visitor, running: Deployment) -> None:
    page = await visitor.open()
    cancel = page.get_by_role("button", name="Cancel")
    with running.frozen("jobs"):
        await submit(page, ENDLESS)
        await expect(status_of_open_job(page)).to_have_text("Queued")
        await cancel.hover()
        await page.mouse.down()
    await expect(status_of_open_job(page)).to_have_text("Running")
    await expect(cancel).to_be_focused()
    await page.mouse.up()
    await expect(status_of_open_job(page)).to_have_text("Cancelled")
    await expect(page.get_by_role("heading", name="Endless")).to_be_focused()


async def test_a_deleted_job_stays_away_even_if_its_last_event_comes_late(visitor: Visitor) -> None:
    late: list[Callable[[], None]] = []

    def delay_expiry(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()
        browser.on_message(server.send)
        server.on_message(
            lambda said: (
                late.append(lambda: browser.send(said)) if "job.expired" in str(said) else browser.send(said)
            )
        )

    await visitor.context.route_web_socket(re.compile("/v1/ws"), delay_expiry)
    page = await visitor.open()
    await submit(page, "<title>Soon forgotten</title><p>x")
    await expect(status_of_open_job(page)).to_have_text("Succeeded")
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    row = page.locator("#job-list li", has_text="Soon forgotten")
    await expect(row).to_have_count(0)
    await eventually(lambda: len(late) == 1)
    late.pop()()
    await submit(page, "<title>The next one</title><p>x")
    await expect(page.locator("#job-list li", has_text="The next one")).to_contain_text("Succeeded")
    await expect(row).to_have_count(0)


async def test_errors_in_options_are_shown_at_their_fields(running: Deployment, browser: Browser) -> None:
    async with Visitor.arrives(browser, running.url) as visitor:
        page = await visitor.open()
        await page.get_by_text("Options").click()
        await page.get_by_label("Page size").fill("A99")
        await page.get_by_label("Document", exact=True).fill("<p>x")
        await page.get_by_role("button", name="Render PDF").click()
        await expect(page.locator("[data-field='/options/page_size']")).to_contain_text("is not a page size")
        await expect(page.get_by_label("Page size")).to_be_focused()
        await page.get_by_label("Page size").fill("A5")
        await page.get_by_role("button", name="Render PDF").click()
        await expect(status_of_open_job(page)).to_have_text("Succeeded")
        # Browsers report every 4xx; nothing else went wrong.
        assert [text for text in visitor.complaints if "422" not in text] == []


async def test_an_empty_document_is_not_sent(visitor: Visitor) -> None:
    page = await visitor.open()
    await page.get_by_role("button", name="Render PDF").click()
    await expect(page.locator("#document-error")).to_contain_text("Paste a document")
    await expect(page.get_by_label("Document", exact=True)).to_be_focused()


async def test_a_dropped_file_becomes_the_document(visitor: Visitor) -> None:
    page = await visitor.open()
    dropped = await page.evaluate_handle("""() => {
      const data = new DataTransfer();
      data.items.add(new File(["# From a file"], "notes.md"));
      return data;
    }""")
    await page.dispatch_event("#composer", "drop", {"dataTransfer": dropped})
    await expect(page.get_by_label("Document", exact=True)).to_have_value("# From a file")
    await expect(page.get_by_label("Markdown")).to_be_checked()
    await page.get_by_role("button", name="Render PDF").click()
    await expect(page.get_by_role("heading", name="From a file")).to_be_visible()
    await expect(status_of_open_job(page)).to_have_text("Succeeded")


async def test_two_tabs_show_the_same_jobs(visitor: Visitor) -> None:
    first, second = await visitor.open(), await visitor.open()
    await submit(first, "<title>Seen twice</title><p>x")
    row = second.locator("#job-list li", has_text="Seen twice").first
    await expect(row).to_contain_text("Succeeded")
    await row.get_by_role("link").click()
    await expect(status_of_open_job(second)).to_have_text("Succeeded")
    await first.get_by_role("button", name="Delete").click()
    await first.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(first.locator("#job-list li", has_text="Seen twice")).to_have_count(0)


async def test_the_keyboard_is_enough(visitor: Visitor) -> None:
    page = await visitor.open()
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Skip to the content")).to_be_focused()
    await tab_to(page, "textarea")
    await page.keyboard.type("<title>By keyboard</title><h1>Hi</h1>")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_role("heading", name="By keyboard")).to_be_focused()
    await expect(status_of_open_job(page)).to_have_text("Succeeded")
    await expect(page.get_by_role("status").filter(has_text="By keyboard succeeded, 1 page")).to_be_attached()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("link", name=re.compile("By keyboard")).first).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="By keyboard")).to_be_focused()
    await tab_to(page, "button.primary")


async def test_a_job_that_is_closed_and_opened_at_once_has_the_focus_again(visitor: Visitor) -> None:
    page = await visitor.open()
    await submit(page, "<title>Quick fingers</title><p>x")
    heading = page.get_by_role("heading", name="Quick fingers")
    await expect(heading).to_be_focused()
    await page.evaluate("""() => {
      document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}));
      document.activeElement.click();
    }""")
    await expect(heading).to_be_focused()


async def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until the element has the focus, 40 times at most."""
    for _ in range(40):
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")


async def test_new_events_appear_in_the_open_event_log(visitor: Visitor, running: Deployment) -> None:
    page = await visitor.open()
    await running.until((await running.submit("<p>before"))["id"], "succeeded")
    await page.get_by_role("link", name="Event log").click()
    await expect(page.locator("#event-list li").first).to_contain_text("job.succeeded")
    job = await running.submit("<p>x", metadata={"title": "Just now"})
    await expect(page.locator("#event-list li").first).to_contain_text("Just now")
    newest = page.locator("#event-list li", has_text="job.succeeded").filter(has_text="Just now")
    await newest.locator("summary").click()
    await expect(newest.locator("pre")).to_contain_text(job["id"])
    numbers = [int(text) for text in await page.locator(".sequence").all_inner_texts()]
    assert numbers == list(range(numbers[0], numbers[0] - len(numbers), -1))


async def test_a_webhook_endpoint_is_added_tested_and_removed(running: Deployment, browser: Browser) -> None:
    async with Visitor.arrives(browser, running.url) as visitor:
        page = await visitor.open()
        await page.get_by_role("link", name="Webhooks").click()
        await page.get_by_label("Endpoint URL").fill("ftp://nowhere")
        await page.get_by_role("button", name="Add endpoint").click()
        await expect(page.get_by_label("Endpoint URL")).to_be_focused()
        await expect(page.locator("[data-field='/url'] .field-error")).not_to_be_empty()
        await page.get_by_label("Endpoint URL").fill(f"{running.url}/healthz")
        await page.get_by_role("button", name="Add endpoint").click()
        await expect(page.locator("#endpoint-secret")).to_contain_text("whsec_")
        endpoint = page.locator(".endpoint")
        await endpoint.get_by_role("button", name="Send a test").click()
        await expect(endpoint).to_contain_text("The receiver answered 405")
        await endpoint.get_by_text("Deliveries").click()
        await expect(endpoint.locator(".deliveries")).to_contain_text("webhook.test")
        await endpoint.get_by_role("button", name="Pause").click()
        await expect(endpoint).to_contain_text("paused")
        await endpoint.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(endpoint).to_have_count(0)
        assert [text for text in visitor.complaints if "422" not in text] == []


async def test_titles_and_tags_are_text_and_never_run(visitor: Visitor, running: Deployment) -> None:
    trap = "<img src=x onerror=\"document.title='caught'\">"
    job = await running.submit("<p>x", metadata={"title": trap}, tags=[trap[:60]])
    page = await visitor.open(f"/#/jobs/{job['id']}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(trap)
    assert await page.title() == "Pressrun"


async def test_without_websockets_the_page_is_still_live(visitor: Visitor) -> None:
    await visitor.context.add_init_script("delete window.WebSocket")
    page = await visitor.open_without_waiting()
    await expect(page.get_by_text("Live, without WebSocket")).to_be_visible()
    await submit(page, "<title>Streamed</title><p>x")
    await expect(status_of_open_job(page)).to_have_text("Succeeded")


async def test_a_missing_job_is_reported(running: Deployment, browser: Browser) -> None:
    async with Visitor.arrives(browser, running.url) as visitor:
        page = await visitor.open("/#/jobs/job_00000000000000000000000000")
        await expect(page.get_by_role("heading", name="This job cannot be shown")).to_be_visible()


async def test_a_phone_shows_one_thing_at_a_time_and_never_scrolls_sideways(
    running: Deployment, browser: Browser
) -> None:
    async with Visitor.arrives(browser, running.url, **PHONE) as visitor:
        page = await visitor.open()
        await submit(page, f"<title>{'Unbreakable' * 12}</title><p>x")
        await expect(status_of_open_job(page)).to_have_text("Succeeded")
        await expect(page.get_by_label("Document", exact=True)).to_be_hidden()
        job = "#" + page.url.partition("#")[2]
        for view, shown in {"#/": "#composer", "#/events": "#event-list", job: ".open-job"}.items():
            await page.evaluate("view => { location.hash = view; }", view)
            await expect(page.locator(shown)).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
        await page.get_by_role("button", name="← Jobs").tap()
        await expect(page.get_by_label("Document", exact=True)).to_be_visible()
        assert visitor.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_has_the_contrast_of_wcag_aa(running: Deployment, browser: Browser, scheme: str) -> None:
    failed = await running.submit(
        "<p style='colr: red'>x", options={"strict": True}, metadata={"title": "Strict"}
    )
    warned = await running.submit("<p style='colr: red'>x", metadata={"title": "Warned"})
    await running.until(failed["id"], "failed")
    await running.until(warned["id"], "succeeded")
    async with Visitor.arrives(browser, running.url, color_scheme=scheme) as visitor:
        for path, shown in {
            "/": "#job-list .badge",
            f"/#/jobs/{failed['id']}": ".timeline li",
            f"/#/jobs/{warned['id']}": ".timeline li",
            "/#/events": "#event-list li",
        }.items():
            page = await visitor.open(path)
            await page.locator(shown).first.wait_for()
            assert await page.evaluate(CONTRASTS) == [], path
