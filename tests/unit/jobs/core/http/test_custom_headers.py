from __future__ import annotations

import pytest

from jobs.core.http.custom_headers import checked_headers


def checked(headers: dict[str, str], also_ours: str = "x-ours-.*") -> dict[str, str]:
    return checked_headers(headers, also_ours, max_headers=3, max_value_characters=8)


def test_names_become_lower_case_and_values_stay() -> None:
    assert checked({"Authorization": "Bearer x", "X-A": "a b"}) == {"authorization": "Bearer x", "x-a": "a b"}


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "Connection", "Close", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade"),
        *("Expect", "Max-Forwards", "HTTP2-Settings", "Proxy-Authorization", "Sec-Fetch-Site", "Alt-Used"),
        *("Early-Data", "Content-Length", "Content-Encoding", "Date", "Via", "Cookie", "User-Agent"),
        *(
            "Accept-Encoding",
            "Forwarded",
            "X-Forwarded-For",
            "X-Real-IP",
            "X-Ours-Too",
            "a b",
            "a:b",
            "ä",
            "",
            "a\r\nb",
        ),
    ],
)
def test_names_that_are_ours_or_no_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"not yours to set|should be letters"):
        checked({name: "1"})


@pytest.mark.parametrize("value", ["", " pw", "pw ", "pw\r\nb: c", "pw\x00", "pw\x7f", "pwü", "pw3456789"])
def test_values_that_could_end_a_header_or_are_too_long_are_refused_and_not_shown(value: str) -> None:
    with pytest.raises(ValueError, match=r"the value of x-a should be 1 to 8 printable ASCII") as refused:
        checked({"X-A": value})
    assert "pw" not in str(refused.value)


def test_a_header_comes_once_and_there_are_not_too_many() -> None:
    with pytest.raises(ValueError, match="each header once"):
        checked({"X-A": "1", "x-a": "2"})
    with pytest.raises(ValueError, match="at most 3 headers"):
        checked({f"x-{number}": "1" for number in range(4)})
