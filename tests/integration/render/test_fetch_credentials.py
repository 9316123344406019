"""Documents behind a login: API, worker, render child and fetch process, and a web server."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from jobs.core.errors.job import RenderFailed
from jobs.core.settings import Settings
from jobs.core.times import rfc3339
from jobs.render.parent.pool import RenderPool, RenderRequest
from jobs.render.parent.starting import Spawner
from jobs.render.protocol.limits import FetchLimits, RenderLimits
from jobs.store import keys
from testsupport import store_dump
from testsupport.guarded_web import GuardedWeb, Headers, Page, guarded, guarded_web, redirect
from testsupport.hostile_web import PNG
from testsupport.in_process import Pressrun, running_pressrun
from testsupport.render_children import impostor

SECRET = "hunter2-hunter2-hunter2"
COOKIE = {"cookies": {"session": SECRET}}
BASIC_AUTH = {"auth": {"username": "Aladdin", "password": "open sesame"}}
"""With what RFC 7617, section 2 says is sent for it."""

TELL = """
while b"the document" not in request:
    request += worker.recv(65536)
send({"type": "failed", "code": "render_failed", "message": repr(request)[:4000]})
time.sleep(600)
"""
"""What a child that a document has taken over tells of what it got from the worker."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    """Its documents may fetch from this machine."""
    pool = RenderPool(size=1, limits=RenderLimits(fetch=FetchLimits(egress_allow=("127.0.0.1",))))
    await pool.start()
    yield pool
    await pool.close()


@pytest_asyncio.fixture(loop_scope="module")
async def press(redis_url: str, redis: Redis, tmp_path: Path, pool: RenderPool) -> AsyncIterator[Pressrun]:
    async with running_pressrun(settings(redis_url, tmp_path), pool) as press:
        yield press


def settings(redis_url: str, data_dir: Path) -> Settings:
    return Settings(redis_url=redis_url, data_dir=data_dir)


@pytest.fixture
def app() -> Iterator[GuardedWeb]:
    with guarded_web() as web:
        yield web


@pytest.fixture
def other() -> Iterator[GuardedWeb]:
    with guarded_web() as web:
        yield web


def tomorrow() -> str:
    return rfc3339(int(time.time() + 86_400) * 1000)


async def run_now(redis: Redis, job_id: str) -> None:
    """Makes a scheduled job due."""
    assert await redis.zadd(keys.DUE, {job_id: 0}, xx=True, ch=True)


async def rendered(press: Pressrun, url: str, *fetch: dict[str, Any], **options: Any) -> dict[str, Any]:
    return await press.done(
        "pdf.render", {"url": url}, {**({"fetch": list(fetch)} if fetch else {}), **options}
    )


def error_of(job: dict[str, Any]) -> tuple[str, int]:
    return job["error"]["code"], job["attempt"]


class TestDocuments:
    @pytest.mark.parametrize(
        ("fetch", "name", "value"),
        [
            (COOKIE, "cookie", f"session={SECRET}"),
            ({"headers": {"Authorization": f"Bearer {SECRET}"}}, "authorization", f"Bearer {SECRET}"),
            (BASIC_AUTH, "authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ],
        ids=["cookie", "header", "basic"],
    )
    async def test_a_page_and_its_assets_are_fetched_with_credentials(
        self, press: Pressrun, app: GuardedWeb, fetch: dict[str, Any], name: str, value: str
    ) -> None:
        page = Page(b"<title>Account</title><img alt='' src=a.png><link rel=stylesheet href=a.css>")
        app.pages["/page"] = guarded(name, value, page)
        app.pages["/a.png"] = guarded(name, value, Page(PNG, "image/png"))
        app.pages["/a.css"] = guarded(name, value, Page(b"p { margin: 0 }", "text/css"))
        job = await rendered(press, app.url("/page"), fetch)
        assert job["status"] == "succeeded", job["error"]
        assert (job["result"]["title"], job["result"]["warnings"]) == ("Account", [])

    async def test_a_document_that_was_sent_has_its_assets_fetched_with_credentials(
        self, press: Pressrun, app: GuardedWeb, other: GuardedWeb
    ) -> None:
        for web in (app, other):
            web.pages["/a.png"] = guarded("cookie", f"session={SECRET}", Page(PNG, "image/png"))
        html = "".join(f"<img alt='' src='{web.url('/a.png')}'>" for web in (app, other))
        options = {"fetch": [{**COOKIE, "origins": [app.origin]}]}
        job = await press.done("pdf.render", {"html": html}, options)
        (warning,) = job["result"]["warnings"]
        assert (warning["code"], warning["url"]) == ("image_unreachable", other.url("/a.png"))
        assert warning["message"].endswith(
            "answered with status 401. The option `fetch` can give credentials for its origin."
        )
        assert [headers.get("cookie") for headers in other.headers_of("/a.png")] == [None]

    async def test_if_the_fetch_process_dies_the_next_one_has_the_credentials_again(
        self, press: Pressrun, app: GuardedWeb
    ) -> None:
        page = Page(b"<title>x</title><img alt='' src=a.png><img alt='' src=b.png>")
        app.pages["/page"] = guarded("cookie", f"session={SECRET}", page)
        app.pages["/b.png"] = guarded("cookie", f"session={SECRET}", Page(PNG, "image/png"))
        pids = []

        def kill(_: Headers) -> Page:
            assert press.pool.fetch_process is not None
            pids.append(press.pool.fetch_process)
            os.kill(pids[0], signal.SIGKILL)
            return Page(status=503)

        app.pages["/a.png"] = kill
        job = await rendered(press, app.url("/page"), COOKIE)
        (warning,) = job["result"]["warnings"]
        assert (warning["code"], warning["url"]) == ("image_unreachable", app.url("/a.png"))
        assert press.pool.fetch_process not in (None, *pids)

    async def test_a_redirect_to_another_origin_gets_none(
        self, press: Pressrun, app: GuardedWeb, other: GuardedWeb
    ) -> None:
        app.pages["/page"] = redirect(other.url("/login"))
        other.pages["/login"] = Page(b"<img alt='' src='/b.png'>")
        other.pages["/b.png"] = redirect(app.url("/a.png"))
        app.pages["/a.png"] = guarded("cookie", f"session={SECRET}", Page(PNG, "image/png"))
        job = await rendered(press, app.url("/page"), COOKIE)
        assert (job["status"], job["result"]["warnings"]) == ("succeeded", [])
        assert [headers.get("cookie") for _, headers in other.requests] == [None, None]
        assert [headers.get("cookie") for _, headers in app.requests] == [f"session={SECRET}"] * 2

    async def test_a_url_may_lead_to_markdown(self, press: Pressrun, app: GuardedWeb) -> None:
        app.pages["/a.md"] = guarded("cookie", f"session={SECRET}", Page(b"# Notes\n\n**x**", "text/plain"))
        job = await rendered(press, app.url("/a.md"), COOKIE)
        assert (job["result"]["title"], job["result"]["warnings"]) == ("Notes", [])

    async def test_a_url_that_leads_to_something_else_has_an_error_of_its_own(
        self, press: Pressrun, app: GuardedWeb
    ) -> None:
        app.pages["/a.png"] = Page(PNG, "image/png")
        assert error_of(await rendered(press, app.url("/a.png"))) == ("document_unsupported", 1)


class TestFailures:
    @pytest.mark.parametrize("status", [401, 403, 404, 410])
    async def test_a_document_that_is_refused_is_asked_for_once(
        self, press: Pressrun, app: GuardedWeb, status: int
    ) -> None:
        app.pages["/page"] = Page(b"No.", status=status)
        job = await rendered(press, app.url("/page"), COOKIE)
        assert error_of(job) == ("document_refused", 1)
        assert not job["error"]["retryable"]
        assert f"answered with status {status}" in job["error"]["message"]
        assert len(app.requests) == 1

    async def test_a_busy_server_is_asked_again(self, press: Pressrun, app: GuardedWeb) -> None:
        answers = iter([Page(b"", status=503), Page()])
        app.pages["/page"] = lambda headers: next(answers)
        job = await rendered(press, app.url("/page"), COOKIE)
        assert (job["status"], job["attempt"], job["result"]["title"]) == ("succeeded", 2, "Found")
        assert [headers["cookie"] for headers in app.headers_of("/page")] == [f"session={SECRET}"] * 2

    @pytest.mark.parametrize(("retry_after", "least_s", "most_s"), [("600", 590, 700), ("86400", 3590, 4000)])
    async def test_the_next_attempt_waits_as_long_as_the_server_asks_up_to_an_hour(
        self, press: Pressrun, redis: Redis, app: GuardedWeb, retry_after: str, least_s: int, most_s: int
    ) -> None:
        app.pages["/page"] = Page(b"", status=429, headers={"Retry-After": retry_after})
        submitted = (await press.submit("pdf.render", {"url": app.url("/page")})).json()
        while (job := await changed(press, submitted["id"]))["status"] != "retrying":
            pass
        assert (job["error"]["code"], job["error"]["retryable"]) == ("document_unreachable", True)
        due_ms = await redis.zscore(keys.DUE, submitted["id"])
        assert due_ms is not None
        assert least_s < due_ms / 1000 - time.time() < most_s
        assert (await press.http.post(f"/v1/jobs/{submitted['id']}/cancel")).status_code == 200

    async def test_a_server_that_is_not_there_is_tried_as_often_as_the_job_may(self, press: Pressrun) -> None:
        answer = await press.submit("pdf.render", {"url": "http://127.0.0.1:1000/"}, max_attempts=1)
        job = await press.ended(answer.json()["id"])
        assert error_of(job) == ("document_unreachable", 1)
        assert job["error"]["retryable"]


async def changed(press: Pressrun, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = (await press.http.get(f"/v1/jobs/{job_id}")).json()
    if job["status"] in ("queued", "running"):
        headers = {"If-None-Match": f'W/"{job["version"]}"'}
        await press.http.get(f"/v1/jobs/{job_id}?wait=5", headers=headers)
    return job


class TestSecrecy:
    async def test_the_store_has_them_sealed_until_the_job_has_succeeded(
        self, press: Pressrun, redis: Redis, app: GuardedWeb, tmp_path: Path
    ) -> None:
        options = {"fetch": [{**COOKIE, "origins": [app.origin]}]}
        for html in ("<p>x", "<p>A line of a large document.\n" * 2000):
            answer = await press.submit(
                "pdf.render", {"html": html}, options, key=f"{len(html)}", scheduled_at=tomorrow()
            )
            assert SECRET not in answer.text
            kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
            assert "sealed" in json.dumps(everything := await store_dump.dump(redis)) + str(kept)
            assert SECRET not in json.dumps(everything) + str(kept)
            await run_now(redis, answer.json()["id"])
            assert (await press.ended(answer.json()["id"]))["status"] == "succeeded"
            assert not await redis.exists(keys.INPUT + answer.json()["id"])

    async def test_a_failed_job_is_run_again_with_them_and_its_deletion_removes_them(
        self, press: Pressrun, redis: Redis, app: GuardedWeb
    ) -> None:
        app.pages["/page"] = Page(b"", status=404)
        first = await rendered(press, app.url("/page"), COOKIE)
        app.pages["/page"] = guarded("cookie", f"session={SECRET}")
        again = (await press.http.post(f"/v1/jobs/{first['id']}/retry")).json()
        assert (await press.ended(again["id"]))["status"] == "succeeded"
        sealed = await redis.get(keys.INPUT + first["id"])
        assert b'"sealed"' in sealed
        assert (await press.http.delete(f"/v1/jobs/{first['id']}")).status_code == 204
        assert not await redis.exists(keys.INPUT + first["id"])

    async def test_a_worker_without_the_key_fails_the_job_and_says_which_key_it_needs(
        self, redis_url: str, redis: Redis, tmp_path: Path, pool: RenderPool, app: GuardedWeb
    ) -> None:
        async with running_pressrun(settings(redis_url, tmp_path), pool) as press:
            members = {"max_attempts": 1, "scheduled_at": tomorrow()}
            answer = await press.submit("pdf.render", {"url": app.url("/x")}, {"fetch": [COOKIE]}, **members)
        (tmp_path / "secret_key").write_text("another-secret-of-thirty-two-characters")
        async with running_pressrun(settings(redis_url, tmp_path), pool) as press:
            await run_now(redis, answer.json()["id"])
            job = await press.ended(answer.json()["id"])
        assert error_of(job) == ("secrets_unreadable", 1)
        assert "PRESSRUN_SECRET_KEY" in job["error"]["message"]
        assert app.requests == []

    async def test_a_render_child_gets_none(self, app: GuardedWeb) -> None:
        pool = RenderPool(size=1, starter=Spawner(impostor(TELL)))
        await pool.start()
        request = RenderRequest(
            format="html", document="<p>the document", credentials={app.origin: {"cookie": SECRET}}
        )
        with pytest.raises(RenderFailed, match="the document") as told:
            await pool.render(request, tenant="acme", timeout_ms=60_000, report=lambda progress: None)
        assert SECRET not in told.value.message
        await pool.close()


class TestReuse:
    async def test_one_users_document_is_never_the_answer_to_another(
        self, press: Pressrun, app: GuardedWeb
    ) -> None:
        def page(headers: Headers) -> Page:
            return Page(f"<title>{headers.get('cookie', 'nobody')}</title>".encode())

        app.pages["/page"] = page
        titles = []
        for user in ("zoe", "max", None, "zoe"):
            fetch = [{"cookies": {"user": user}}] if user else []
            job = await rendered(press, app.url("/page"), *fetch)
            titles.append((job["result"]["title"], job["result"]["cached"]))
        assert titles == [("user=zoe", False), ("user=max", False), ("nobody", False), ("user=zoe", False)]

    async def test_a_document_that_fetches_nothing_is_not_reused_with_or_for_credentials(
        self, press: Pressrun, app: GuardedWeb
    ) -> None:
        options = {"fetch": [{**COOKIE, "origins": [app.origin]}]}
        html = {"html": "<h1>The same</h1>"}
        cached = [
            (await press.done("pdf.render", html, given))["result"]["cached"]
            for given in (options, options, {}, options, {})
        ]
        assert cached == [False, False, False, False, True]

    async def test_an_idempotency_key_is_for_one_users_credentials(
        self, press: Pressrun, app: GuardedWeb
    ) -> None:
        async def submit(user: str) -> tuple[int, str]:
            fetch = {"fetch": [{"cookies": {"session": user}}]}
            answer = await press.submit("pdf.render", {"url": app.url("/page")}, fetch, key="order-17")
            return answer.status_code, answer.json().get(
                "code", answer.headers.get("idempotent-replayed", "")
            )

        app.pages["/page"] = Page()
        assert [await submit(user) for user in ("zoe", "zoe", "max")] == [
            (202, ""),
            (202, "true"),
            (422, "idempotency_key_reused"),
        ]


class TestRequests:
    async def test_credentials_are_refused_in_a_url_and_taken_in_a_form(
        self, press: Pressrun, app: GuardedWeb
    ) -> None:
        app.pages["/a.png"] = guarded("cookie", f"session={SECRET}", Page(PNG, "image/png"))
        html = f"<img alt='' src='{app.url('/a.png')}'>"
        options = json.dumps({"fetch": [{**COOKIE, "origins": [app.origin]}]})
        answer = await press.http.post(
            "/v1/pdf", params={"options": options}, content=html, headers={"content-type": "text/html"}
        )
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/options/fetch")
        assert SECRET not in answer.text
        form = [("doc", ("index.html", html, "text/html")), ("options", (None, options))]
        answer = await press.http.post("/v1/pdf", files=form)  # type: ignore[arg-type]
        job = await press.ended(answer.json()["id"])
        assert (job["status"], job["result"]["warnings"]) == ("succeeded", [])

    @pytest.mark.parametrize(
        "fetch",
        [
            [{"cookies": {"a": f"{SECRET};"}}],
            [{"headers": {"x": SECRET, "X": SECRET}}],
            [{"auth": SECRET}],
            [{"auth": {"username": SECRET}}],
            SECRET,
            [SECRET],
            {"headers": SECRET},
        ],
    )
    async def test_a_refused_request_does_not_repeat_them(
        self, press: Pressrun, fetch: Any, capfd: pytest.CaptureFixture[str]
    ) -> None:
        answer = await press.submit("pdf.render", {"url": "https://a.example/"}, {"fetch": fetch})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"].startswith("/options/fetch")
        assert SECRET not in answer.text + "".join(capfd.readouterr())
