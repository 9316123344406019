"""The option `fetch`, as `pdf.render` checks it at submission."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from jobs.core.errors.request import InvalidInput
from jobs.kinds.pdf.render import PDF_RENDER

URL = {"url": "https://App.example.com/invoices/1?x=1"}
HTML = {"html": "<p>x"}
APP = "https://app.example.com"
SECRET = "hunter2-hunter2"


def credentials(*fetch: dict[str, Any], input: Any = None) -> Any:
    spec = PDF_RENDER.canonical(input or URL, {"fetch": list(fetch), "zoom": 2})
    assert spec["options"] == {"zoom": 2}
    return spec["secrets"]["credentials"]


def errors(fetch: Any, input: Any = None) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        PDF_RENDER.canonical(input or URL, {"fetch": fetch})
    return [(error["pointer"], error["message"]) for error in refused.value.extra["errors"]]


def test_the_origin_of_the_url_is_the_default() -> None:
    assert credentials({"headers": {"X-Key": "k"}}) == {APP: {"x-key": "k"}}


def test_a_single_object_needs_no_list() -> None:
    spec = PDF_RENDER.canonical(URL, {"fetch": {"headers": {"X-Key": "k"}}})
    assert spec["secrets"] == {"credentials": {APP: {"x-key": "k"}}}
    assert errors({"headers": {"Host": "x"}}) == [("/options/fetch/headers", "host is not yours to set")]
    assert errors({"header": {}}) == [
        ("/options/fetch/header", "there is no such member (did you mean `headers`?)")
    ]


def test_cookies_and_a_password_become_headers() -> None:
    basic = base64.b64encode("zoë:p:w".encode()).decode()
    assert credentials(
        {
            "headers": {"Accept-Language": "de"},
            "cookies": {"session": 'a=b,"c"', "theme": ""},
            "auth": {"username": "zoë", "password": "p:w"},
        }
    ) == {
        APP: {
            "accept-language": "de",
            "cookie": 'session=a=b,"c"; theme=',
            "authorization": f"Basic {basic}",
        }
    }


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://CDN.example.com", "https://cdn.example.com"),
        ("https://cdn.example.com:443/", "https://cdn.example.com"),
        ("https://cdn.example.com.", "https://cdn.example.com"),
        ("http://cdn.example.com:8080", "http://cdn.example.com:8080"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_origin_has_one_spelling(given: str, origin: str) -> None:
    assert list(credentials({"origins": [given], "cookies": {"a": "b"}}, input=HTML)) == [origin]


def test_each_origin_has_its_own_credentials() -> None:
    found = credentials(
        {"headers": {"x-a": "1"}},
        {"origins": ["https://cdn.example.com", "https://img.example.com"], "headers": {"x-b": "2"}},
    )
    cdn, img = "https://cdn.example.com", "https://img.example.com"
    assert found == {APP: {"x-a": "1"}, cdn: {"x-b": "2"}, img: {"x-b": "2"}}


@pytest.mark.parametrize(
    "origin",
    [
        *("app.example.com", "https://app.example.com/path", "https://app.example.com?x", "*", ""),
        *("https://*.example.com", f"https://user:{SECRET}@app.example.com", "file:///etc", "https://"),
        "https://app.example.com#x",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    ((pointer, message),) = errors([{"origins": [origin], "cookies": {"a": "b"}}])
    assert pointer == "/options/fetch/0/origins/0"
    assert SECRET not in message


@pytest.mark.parametrize(
    ("fetch", "input", "pointer", "says"),
    [
        ([{"headers": {"x-a": "1"}}], HTML, "/options/fetch", "there is no input `url`"),
        (
            [{"cookies": {"a": "b"}}, {"headers": {"x-a": "1"}}],
            URL,
            "/options/fetch",
            f"{APP} is named twice",
        ),
        (
            [{"origins": [APP, APP + "/"], "cookies": {"a": "b"}}],
            URL,
            "/options/fetch",
            f"{APP} is named twice",
        ),
        ([{}], URL, "/options/fetch/0", "give headers, cookies or auth"),
        ([{"headers": {}}], URL, "/options/fetch/0", "give headers, cookies or auth"),
        ([], URL, "/options/fetch", "at least 1"),
        ("a=b", URL, "/options/fetch", "list"),
        ({}, URL, "/options/fetch", "give headers, cookies or auth"),
        (
            [{"headers": {"Authorization": "Bearer x"}, "auth": {"username": "a", "password": "b"}}],
            URL,
            "/options/fetch/0",
            "not both",
        ),
    ],
)
def test_contradictions_are_refused(fetch: Any, input: Any, pointer: str, says: str) -> None:
    ((found, message),) = errors(fetch, input)
    assert (found, says in message) == (pointer, True), message


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("headers", {"Host": SECRET}, "host is not yours to set"),
        ("headers", {"Content-Length": SECRET}, "not yours to set"),
        ("headers", {"Range": SECRET}, "not yours to set"),
        ("headers", {"If-None-Match": SECRET}, "not yours to set"),
        ("headers", {"Cookie": SECRET}, "cookies belong into the member `cookies`"),
        ("headers", {"X-A": f"{SECRET}\r\nX-B: 1"}, "printable ASCII"),
        ("headers", {"X-A": SECRET * 1000}, "printable ASCII"),
        ("headers", {f"x-{number}": SECRET for number in range(11)}, "at most 10 headers"),
        ("headers", {"X-A": 1}, "valid string"),
        ("cookies", {"a": f"{SECRET}; b=c"}, "without a semicolon"),
        ("cookies", {"a": f"{SECRET}\n"}, "printable ASCII"),
        ("cookies", {"a": f"{SECRET} "}, "printable ASCII"),
        ("cookies", {"a=b": SECRET}, "is no name of a cookie"),
        ("cookies", {f"c{number}": SECRET for number in range(51)}, "at most 50 cookies"),
        ("cookies", {"a": SECRET * 2000}, "at most 16,384 bytes"),
        ("auth", {"username": "a:b", "password": SECRET}, "pattern"),
        ("auth", {"username": "a", "password": f"{SECRET}\n"}, "control characters"),
        ("auth", {"username": "a"}, "required"),
        ("auth", f"a:{SECRET}", "object"),
        ("password", SECRET, "no such member"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_showing_it(member: str, value: Any, says: str) -> None:
    found = errors([{member: value}])
    assert says in str(found), found
    assert SECRET not in str(found)


def test_there_are_at_most_ten_origins_in_all() -> None:
    fetch = [
        {"origins": [f"https://{each}{number}.example" for number in range(6)], "headers": {"x-a": "1"}}
        for each in "ab"
    ]
    assert errors(fetch) == [("/options/fetch", "should name at most 10 origins in all")]


def test_a_document_without_credentials_has_no_secrets() -> None:
    assert set(PDF_RENDER.canonical(URL, {})) == {"input", "options"}
