"""Fetches of documents from a web server on loopback; tests decide what names resolve to."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

import pytest

from jobs.process.name_lookup import look_up
from jobs.render.fetch.document_fetches import DocumentFetches, FetchFailed, Resolve
from jobs.render.protocol.limits import MAX_RETRY_AFTER_S, FetchLimits
from testsupport.asset_fetching import fetched, fetches
from testsupport.guarded_web import Page, guarded, guarded_web, redirect
from testsupport.hostile_web import CSS, PNG, HostileWeb

LOOPBACK = ("127.0.0.0/8",)
VECTORS = json.loads((Path(__file__).parents[4] / "vectors" / "egress.json").read_text())


@pytest.fixture(autouse=True)
def _no_proxy_is_used(monkeypatch: pytest.MonkeyPatch, web: HostileWeb) -> None:
    web.requests.clear()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


def fetcher(names: dict[str, list[str]] | None = None, **limits: object) -> DocumentFetches:
    """The fetches of a document that may connect to loopback; only `names` resolve."""

    def resolve(host: str, port: int) -> list[str]:
        if names is not None and host in names:
            return names[host]
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]

    return fetches(FetchLimits(**{"egress_allow": LOOPBACK, **limits}), resolve)  # type: ignore[arg-type]


def numeric_or(name: str) -> Resolve:
    """Resolves `name` to loopback, and addresses and ``localhost`` for real."""
    return lambda host, port: ["127.0.0.1"] if host == name else look_up(host, port)


def problem(fetching: DocumentFetches, url: str) -> tuple[str, str]:
    with pytest.raises(FetchFailed) as failed:
        fetched(fetching, url)
    return failed.value.code, failed.value.message


class TestFetching:
    def test_an_asset_has_its_type_and_its_final_url(self, web: HostileWeb) -> None:
        asset = fetched(fetcher(), web.url("/pixel.png"))
        assert (asset.body, asset.content_type, asset.url) == (PNG, "image/png", web.url("/pixel.png"))
        style = fetched(fetcher(), web.url("/redirect?/style.css"))
        assert (style.body, style.content_type) == (CSS, "text/css; charset=utf-8")
        assert style.url == web.url("/style.css")

    @pytest.mark.parametrize("path", ["/gzip.css", "/deflate.css", "/raw-deflate.css"])
    def test_compressed_bodies_are_decompressed(self, web: HostileWeb, path: str) -> None:
        assert fetched(fetcher(), web.url(path)).body == CSS

    def test_the_host_header_names_the_host_and_the_connection_goes_to_the_checked_address(
        self, web: HostileWeb
    ) -> None:
        names = {"cdn.example": ["127.0.0.1"]}
        fetched(fetcher(names), web.url("/pixel.png", "CDN.example"))
        assert web.requests == [(f"cdn.example:{web.port}", "/pixel.png", "Pressrun (WeasyPrint)")]

    def test_the_next_address_is_tried_if_one_does_not_answer(self, web: HostileWeb) -> None:
        names = {"cdn.example": ["127.0.0.2", "127.0.0.1"]}
        assert fetched(fetcher(names), web.url("/pixel.png", "cdn.example")).body == PNG


class TestCredentials:
    def test_each_origin_gets_its_own_and_no_other_does(self) -> None:
        with guarded_web() as app, guarded_web() as cdn, guarded_web() as other:
            for web in (app, cdn, other):
                web.pages["/x"] = Page()
            credentials = {
                app.origin: {"cookie": "a=1", "accept": "text/html"},
                cdn.origin: {"authorization": "Bearer c"},
            }
            fetching = fetcher()
            for web in (app, cdn, other):
                fetched(fetching, web.url("/x"), credentials)
            got = [web.headers_of("/x")[0] for web in (app, cdn, other)]
        names = ("cookie", "authorization", "accept")
        assert [[headers.get(name) for name in names] for headers in got] == [
            ["a=1", None, "text/html"],
            [None, "Bearer c", "*/*"],
            [None, None, "*/*"],
        ]

    def test_a_redirect_to_another_origin_takes_none_along(self) -> None:
        with guarded_web() as app, guarded_web() as other:
            app.pages["/there"] = redirect(other.url("/back"))
            other.pages["/back"] = redirect(app.url("/x"))
            app.pages["/x"] = Page()
            fetched(fetcher(), app.url("/there"), {app.origin: {"cookie": "a=1", "x-key": "k"}})
            sent = app.headers_of("/there") + other.headers_of("/back") + app.headers_of("/x")
        assert [(headers.get("cookie"), headers.get("x-key")) for headers in sent] == [
            ("a=1", "k"),
            (None, None),
            ("a=1", "k"),
        ]

    @pytest.mark.parametrize("spelling", ["{host}.:{port}", "u:p@{host}:{port}", "{host}:{other}"])
    def test_a_document_cannot_lead_them_elsewhere(self, spelling: str) -> None:
        with guarded_web() as app, guarded_web() as other:
            host, port = "app.example", app.origin.rpartition(":")[2]
            for web in (app, other):
                web.pages["/x"] = Page()
            url = f"http://{spelling.format(host=host, port=port, other=other.origin.rpartition(':')[2])}/x"
            with suppress(FetchFailed):
                credentials = {f"http://{host}:{port}": {"cookie": "a=1"}}
                fetched(fetcher({host: ["127.0.0.1"]}), url, credentials)
            assert [headers.get("cookie") for headers in other.headers_of("/x")] in ([], [None])
            assert [headers.get("cookie") for headers in app.headers_of("/x")] in ([], ["a=1"])

    def test_a_cookie_of_one_answer_is_not_sent_with_the_next_request(self) -> None:
        with guarded_web() as app:
            app.pages["/x"] = Page(b"", headers={"Set-Cookie": "a=2"})
            fetching = fetcher()
            fetched(fetching, app.url("/x"))
            fetched(fetching, app.url("/x"))
            assert [headers.get("cookie") for headers in app.headers_of("/x")] == [None, None]

    def test_a_refusal_says_whether_credentials_were_sent(self) -> None:
        with guarded_web() as app:
            app.pages["/x"] = guarded("x-key", "right")
            with pytest.raises(FetchFailed, match=r"status 401\. The option `fetch` can give") as without:
                fetched(fetcher(), app.url("/x"))
            with pytest.raises(FetchFailed, match="status 401, although it got the credentials") as wrong:
                fetched(fetcher(), app.url("/x"), {app.origin: {"x-key": "hunter2"}})
            assert fetched(fetcher(), app.url("/x"), {app.origin: {"x-key": "right"}}).body
        assert (without.value.status, wrong.value.status) == (401, 401)
        assert "hunter2" not in repr(wrong.value)


class TestRefusing:
    @pytest.mark.parametrize(
        "url",
        [
            "file:///etc/passwd",
            "FILE:///etc/passwd",
            "ftp://127.0.0.1/",
            "gopher://x/",
            "javascript:1",
            "/etc/passwd",
            "",
        ],
    )
    def test_only_http_urls_are_opened(self, url: str) -> None:
        assert problem(fetcher(), url)[0] == "asset_forbidden"

    def test_private_addresses_are_refused_by_default_under_any_name(self, web: HostileWeb) -> None:
        names = {
            "evil.example": ["127.0.0.1"],
            "mixed.example": ["8.8.8.8", "127.0.0.1"],
            "v6.example": ["::ffff:7f00:1"],
        }
        for host in (
            "127.0.0.1",
            "evil.example",
            "mixed.example",
            "v6.example",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ):
            code, message = problem(fetcher(names, egress_allow=()), web.url("/pixel.png", host))
            assert code == "asset_forbidden", message
        assert web.requests == []

    @pytest.mark.parametrize("spelling", VECTORS["loopback_hosts"])
    def test_every_spelling_of_this_machine_is_refused(self, web: HostileWeb, spelling: str) -> None:
        fetching = fetches(FetchLimits())  # resolves for real
        code, message = problem(fetching, web.url("/pixel.png", spelling))
        assert (code, "refused" in message or "not allowed" in message) == ("asset_forbidden", True), message
        assert web.requests == []

    @pytest.mark.parametrize("spelling", VECTORS["loopback_hosts"])
    def test_no_redirect_to_this_machine_is_followed(self, web: HostileWeb, spelling: str) -> None:
        fetching = fetches(FetchLimits(egress_allow=("begin.example",)), numeric_or("begin.example"))
        target = quote(web.url("/style.css", spelling), safe="/:%[]")
        assert problem(fetching, web.url(f"/redirect?{target}", "begin.example"))[0] == "asset_forbidden"
        assert web.paths == [f"/redirect?{target}"]

    @pytest.mark.parametrize(
        "target",
        [
            "http://169.254.169.254/latest/meta-data/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://metadata.example/",
            "file:///etc/passwd",
            "http://user:pw@8.8.8.8/",
            "http://10.0.0.1:6379/",
        ],
    )
    def test_every_redirect_is_checked(self, web: HostileWeb, target: str) -> None:
        fetching = fetcher({"metadata.example": ["169.254.169.254"]})
        assert problem(fetching, web.url(f"/redirect?{target}"))[0] == "asset_forbidden"
        assert len(web.requests) == 1

    @pytest.mark.parametrize("target", ["http://[::1", "//[::1", "http://[x]/", "http://a:b/"])
    def test_a_malformed_redirect_is_refused_in_plain_words(self, web: HostileWeb, target: str) -> None:
        code, message = problem(fetcher(), web.url(f"/redirect?{target}"))
        assert (code, "malformed" in message) == ("asset_forbidden", True), message
        assert target in message

    def test_a_name_is_resolved_once_for_a_document(self, web: HostileWeb) -> None:
        answers = iter([["127.0.0.1"], ["169.254.169.254"]])
        fetching = fetches(FetchLimits(egress_allow=LOOPBACK), lambda host, port: next(answers))
        fetched(fetching, web.url("/pixel.png", "rebind.example"))
        fetched(fetching, web.url("/style.css", "rebind.example"))
        assert web.paths == ["/pixel.png", "/style.css"]

    def test_a_name_that_leads_to_a_public_address_of_this_machine_is_refused(self) -> None:
        own = ip_address("93.184.215.14")
        fetching = fetches(
            FetchLimits(), lambda host, port: [str(own)], is_own=lambda address: address == own
        )
        with pytest.raises(FetchFailed) as failed:
            fetched(fetching, "http://me.example/x.png")
        assert failed.value.message == (
            "http://me.example/x.png is not allowed. PRESSRUN_EGRESS_ALLOW can allow it."
        )
        assert failed.value.detail == "me.example (93.184.215.14) is refused: an address of this machine"

    def test_with_an_allow_list_all_other_addresses_are_refused(self, web: HostileWeb) -> None:
        fetching = fetcher({"other.example": ["8.8.8.8"]}, mode="allowlist")
        assert fetched(fetching, web.url("/pixel.png")).body == PNG
        code, message = problem(fetching, "http://other.example/x.png")
        assert (code, "not allowed" in message) == ("asset_forbidden", True)


class TestLimits:
    def test_a_large_asset_is_cut_off(self, web: HostileWeb) -> None:
        fetching = fetcher(max_asset_bytes=1000)
        assert len(fetched(fetching, web.url("/big?1000")).body) == 1000
        assert problem(fetching, web.url("/big?1001"))[0] == "asset_too_large"

    def test_a_decompression_bomb_is_cut_off(self, web: HostileWeb) -> None:
        assert problem(fetcher(max_asset_bytes=100_000), web.url("/bomb.css"))[0] == "asset_too_large"

    def test_the_total_counts_over_all_assets(self, web: HostileWeb) -> None:
        fetching = fetcher(max_total_bytes=2000)
        fetched(fetching, web.url("/big?1500"))
        assert problem(fetching, web.url("/big?501"))[0] == "asset_too_large"
        fetched(fetching, web.url("/big?500"))
        assert problem(fetching, web.url("/style.css"))[0] == "fetch_limit"

    def test_requests_are_counted_redirects_included(self, web: HostileWeb) -> None:
        fetching = fetcher(max_requests=3)
        fetched(fetching, web.url("/redirect?/pixel.png"))
        fetched(fetching, web.url("/pixel.png"))
        assert problem(fetching, web.url("/style.css"))[0] == "fetch_limit"
        assert len(web.requests) == 3

    def test_redirects_are_limited(self, web: HostileWeb) -> None:
        code, message = problem(fetcher(max_redirects=3), web.url("/loop"))
        assert (code, "too many redirects" in message) == ("unreachable", True)
        assert len(web.requests) == 4

    @pytest.mark.parametrize("path", ["/drip", "/hang"])
    def test_a_server_that_never_finishes_its_answer_is_given_up(self, web: HostileWeb, path: str) -> None:
        code, message = problem(fetcher(asset_seconds=0.3), web.url(path))
        assert (code, "did not answer in time" in message) == ("unreachable", True)

    def test_the_time_for_all_assets_together_is_bounded(self, web: HostileWeb) -> None:
        fetching = fetcher(total_seconds=0.3)
        problem(fetching, web.url("/hang"))
        assert problem(fetching, web.url("/pixel.png")) == (
            "fetch_limit",
            "The document has used its 0.3 s for fetching.",
        )


class TestFailing:
    @pytest.mark.parametrize(
        ("path", "says"),
        [("/missing", "status 404"), ("/broken.css", "could not be fetched")],
    )
    def test_a_failed_fetch_has_its_reason(self, web: HostileWeb, path: str, says: str) -> None:
        code, message = problem(fetcher(), web.url(path))
        assert code == "unreachable"
        assert says in message

    @pytest.mark.parametrize(
        ("retry_after", "seconds"),
        [(None, None), ("7", 7), ("0", None), ("soon", None), ("9" * 400, MAX_RETRY_AFTER_S)],
    )
    def test_a_failed_fetch_has_the_pause_that_the_server_asks_for(
        self, retry_after: str | None, seconds: int | None
    ) -> None:
        with guarded_web() as busy:
            headers = {"Retry-After": retry_after} if retry_after else {}
            busy.pages["/x"] = Page(b"", status=429, headers=headers)
            with pytest.raises(FetchFailed, match="answered with status 429") as failed:
                fetched(fetcher(), busy.url("/x"))
        assert (failed.value.status, failed.value.retry_after_s) == (429, seconds)

    def test_redirects_without_end_have_their_status(self, web: HostileWeb) -> None:
        with pytest.raises(FetchFailed) as failed:
            fetched(fetcher(), web.url("/loop"))
        assert failed.value.status == 302

    def test_an_unknown_host_name_is_the_reason(self) -> None:
        def resolve(host: str, port: int) -> list[str]:
            raise socket.gaierror

        fetching = fetches(FetchLimits(), resolve)
        code, message = problem(fetching, "http://nowhere.example/x.png")
        assert (code, "does not resolve" in message) == ("unreachable", True)

    def test_a_refused_connection_is_the_reason(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        assert "refused" in problem(fetcher(), f"http://127.0.0.1:{port}/")[1].lower()
