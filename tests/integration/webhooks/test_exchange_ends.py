"""Every way in which an exchange can end: the code that is reported, and the requests that are
listed, are what happened at the receiver."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvloop

from jobs.webhooks.delivery import attempts_of
from jobs.webhooks.destination import Destinations
from notifier.webhooks.connector import verifying_context
from notifier.webhooks.sender import Sender, WebhookRequest
from testsupport.certificates import certificate
from testsupport.hooks import LOOPBACK, TENANT, Hooks
from testsupport.raw_receiver import OK, RawConnection, RawReceiver, Script

PATIENCE_S = 20.0
IMPATIENCE_S = 0.3
"""The deadline where the receiver says nothing more."""

loops = pytest.mark.parametrize(
    "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
"""uvloop is what a notifier runs on; the errors of the two differ."""


def answer(head: bytes, body: bytes = b"") -> bytes:
    """Returns an answer. `head` is the status and headers, with `|` between them."""
    return b"HTTP/1.1 " + head.replace(b"|", b"\r\n") + b"\r\n\r\n" + body


def says(text: bytes) -> Script:
    """Answers one request with `text`, and waits for the client to close."""

    def script(connection: RawConnection) -> None:
        connection.answer(text)
        connection.wait()

    return script


def says_and_closes(text: bytes) -> Script:
    return lambda connection: connection.answer(text)


def says_and_resets(text: bytes) -> Script:
    def script(connection: RawConnection) -> None:
        connection.answer(text)
        connection.reset()

    return script


def in_parts(*parts: bytes) -> Script:
    def script(connection: RawConnection) -> None:
        connection.request()
        for part in parts:
            connection.say(part)
        connection.wait()

    return script


def ends_unread(connection: RawConnection) -> None:
    """Ends the connection when the request has begun to come."""
    connection.socket.recv(1)


def send_all(
    loop: Callable[[], asyncio.AbstractEventLoop],
    url: str,
    *,
    times: int = 1,
    deadline_s: float = PATIENCE_S,
    trusting: Path | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> list[list[dict[str, Any]]]:
    """Sends `times` requests, with `meanwhile` between them; returns the attempts of each."""

    async def run() -> list[list[dict[str, Any]]]:
        context = verifying_context()
        if trusting is not None:
            context.load_verify_locations(trusting / "cert.pem")
        sender = Sender(Destinations(LOOPBACK), context)
        listed = []
        for n in range(times):
            if n:
                await asyncio.to_thread(meanwhile)
            exchange = await sender.send(WebhookRequest(url, b"{}", {}), deadline_s)
            listed.append(attempts_of(json.loads(exchange.record(0, 0))))
        await sender.close()
        return listed

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(run())


LONGER_THAN_SAID = "More bytes came"
CLOSED = "The connection was "


@dataclass(frozen=True)
class End:
    """How a receiver behaves, and what is to be reported."""

    name: str
    script: Script
    error: str | None
    status: int | None = None
    says: str | None = ""
    """The beginning of the message; None: there is none."""
    deadline_s: float = PATIENCE_S


ENDS = [
    End("200", says(OK), None, 200, None),
    End("200 without a length", says_and_closes(answer(b"200 OK", b"ok")), None, 200),
    End("HTTP/1.0", says_and_closes(b"HTTP/1.0 200 OK\r\n\r\nok"), None, 200),
    End("chunks", says(answer(b"200 OK|transfer-encoding: chunked", b"2\r\nok\r\n0\r\n\r\n")), None, 200),
    End("204", says(answer(b"204 No Content")), None, 204, None),
    End("204 with a body", says(answer(b"204 No Content", b"ok")), None, 204, LONGER_THAN_SAID),
    End("204 with a length", says(answer(b"204 -|content-length: 2", b"ok")), None, 204, LONGER_THAN_SAID),
    End(
        "204 with chunks",
        says(answer(b"204 -|transfer-encoding: chunked", b"2\r\nok\r\n0\r\n\r\n")),
        None,
        204,
        LONGER_THAN_SAID,
    ),
    End("204, then a body", in_parts(answer(b"204 -|content-length: 2"), b"ok"), None, 204),
    End(
        "204 with a body, and close",
        says_and_closes(answer(b"204 -|connection: close", b"ok")),
        None,
        204,
        LONGER_THAN_SAID,
    ),
    End("205 with a body", says(answer(b"205 -|content-length: 2", b"ok")), None, 205),
    End("304 with a body", says(answer(b"304 -|content-length: 2", b"ok")), "redirect", 304),
    End(
        "longer than its length",
        says(answer(b"200 OK|content-length: 1", b"ok")),
        None,
        200,
        LONGER_THAN_SAID,
    ),
    End("500, longer than its length", says(answer(b"500 -|content-length: 1", b"ok")), "http_status", 500),
    End("410, longer than its length", says(answer(b"410 -|content-length: 1", b"ok")), "http_status", 410),
    End(
        "oversized",
        says(answer(b"200 -|content-length: 999999", b"x" * 999_999)),
        None,
        200,
        "Only the first 64",
    ),
    End("100, then 200", says(answer(b"100 Continue") + OK), None, 200),
    End("103, then 204 with a body", says(answer(b"103 -|a: b") + answer(b"204 -", b"ok")), None, 204),
    End("101", says(answer(b"101 -|upgrade: x|connection: upgrade", b"zzz")), "http_status", 101),
    End("redirect", says(answer(b"307 -|location: /|content-length: 0")), "redirect", 307),
    End("404", says(answer(b"404 -|content-length: 0")), "http_status", 404),
    End("999", says(answer(b"999 -|content-length: 0")), "http_status", 999),
    End(
        "not HTTP",
        says(b"SSH-2.0-OpenSSH_9.6\r\n"),
        "invalid_answer",
        None,
        "The answer is not valid HTTP. Bad",
    ),
    End("HTTP/2", says(b"\0\0\x12\4\0\0\0\0\0"), "invalid_answer"),
    End("two lengths", says(answer(b"200 -|content-length: 1|content-length: 2", b"ok")), "invalid_answer"),
    End("a long header", says(answer(b"200 -|a: " + b"b" * 9_000)), "invalid_answer"),
    End("many headers", says(answer(b"200 -" + b"|a: b" * 200)), "invalid_answer"),
    End("a bad chunk", says(answer(b"200 -|transfer-encoding: chunked", b"zz\r\n")), "invalid_answer", 200),
    End(
        "a bad second chunk",
        in_parts(answer(b"200 -|transfer-encoding: chunked"), b"2\r\nok\r\n", b"zz\r\n"),
        "invalid_answer",
        200,
    ),
    End("closed unanswered", says_and_closes(b""), "connection_closed", None, CLOSED),
    End("closed in the head", says_and_closes(b"HTTP/1.1 200 OK\r\nx-"), "connection_closed"),
    End("closed after 100", says_and_closes(answer(b"100 Continue")), "connection_closed"),
    End(
        "closed in the body",
        says_and_closes(answer(b"200 -|content-length: 9", b"ok")),
        "connection_closed",
        200,
    ),
    End(
        "closed in a chunk",
        says_and_closes(answer(b"200 -|transfer-encoding: chunked", b"9\r\nok")),
        "connection_closed",
        200,
    ),
    End(
        "closed before the last chunk",
        says_and_closes(answer(b"200 -|transfer-encoding: chunked", b"2\r\nok\r\n")),
        "connection_closed",
        200,
    ),
    End("reset unanswered", says_and_resets(b""), "connection_closed", None, "The connection was reset"),
    End("silent", says(b""), "timeout", None, "No 2xx within", IMPATIENCE_S),
    End("silent in the head", says(b"HTTP/1.1 200"), "timeout", None, "No 2xx within", IMPATIENCE_S),
    End(
        "silent in the body", says(answer(b"200 -|content-length: 1")), "timeout", 200, "No 2xx", IMPATIENCE_S
    ),
]


@loops
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
def test_what_is_reported_is_what_happened(loop: Any, end: End) -> None:
    with RawReceiver.listening(end.script) as receiver:
        ((attempt,),) = send_all(loop, f"http://127.0.0.1:{receiver.port}/", deadline_s=end.deadline_s)
        assert receiver.requests == 1
    assert (attempt["error"], attempt["status"], attempt["sent"]) == (end.error, end.status, True)
    message = attempt["message"]
    assert (message is None) if end.says is None else (message or "").startswith(end.says)
    assert message is not None or end.error is None
    assert "127.0.0.1" not in (message or "")  # a path may be as good as a password


@loops
@pytest.mark.parametrize("text", [b"HTTP/1.1 200 OK\r\nx-", answer(b"200 -|content-length: 9", b"ok")])
def test_a_reset_within_the_answer_is_a_closed_connection(loop: Any, text: bytes) -> None:
    """A reset may overtake what was sent before it, so the status may be missing."""
    with RawReceiver.listening(says_and_resets(text)) as receiver:
        ((attempt,),) = send_all(loop, f"http://127.0.0.1:{receiver.port}/")
        assert receiver.requests == 1
    assert (attempt["error"], attempt["sent"]) == ("connection_closed", True)


@loops
def test_a_reset_before_the_request_is_named_as_what_it_meets(loop: Any) -> None:
    """The kernel of either side decides if there was a connection at all."""
    with RawReceiver.listening(RawConnection.reset) as receiver:
        ((attempt,),) = send_all(loop, f"http://127.0.0.1:{receiver.port}/")
    assert attempt["error"] in ("connect_failed", "connection_closed")
    assert attempt["sent"] == (attempt["error"] == "connection_closed")


@loops
def test_a_refused_connection_carried_no_request(loop: Any, closed_port: int) -> None:
    ((attempt,),) = send_all(loop, f"http://127.0.0.1:{closed_port}/")
    assert (attempt["error"], attempt["sent"]) == ("connect_failed", False)
    assert attempt["message"].startswith(f"No connection to 127.0.0.1:{closed_port}: ")


# --- TLS ------------------------------------------------------------------------------------------


def reset_in_handshake(connection: RawConnection) -> None:
    connection.socket.recv(1)
    connection.reset()


def plain_http(connection: RawConnection) -> None:
    connection.socket.recv(65_536)
    connection.say(answer(b"400 Bad Request"))
    connection.wait()


def silence(connection: RawConnection) -> None:
    connection.wait()


@loops
@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        (ends_unread, "tls_failed", "The receiver closed the connection during the TLS handshake."),
        (reset_in_handshake, "tls_failed", "The receiver closed the connection during the TLS handshake."),
        (plain_http, "tls_failed", "TLS failed: "),
        (
            silence,
            "timeout",
            "No 2xx within 0.3 s for the whole exchange: it ended while waiting for the TLS",
        ),
    ],
    ids=["closed", "reset", "plain HTTP", "silent"],
)
def test_a_handshake_that_is_cut_is_a_failure_of_tls(
    loop: Any, script: Script, error: str, message: str
) -> None:
    deadline_s = IMPATIENCE_S if error == "timeout" else PATIENCE_S
    with RawReceiver.listening(script) as receiver:
        ((attempt,),) = send_all(loop, f"https://127.0.0.1:{receiver.port}/", deadline_s=deadline_s)
    assert (attempt["error"], attempt["sent"]) == (error, False)
    assert attempt["message"].startswith(message)


def over_tls(context: ssl.SSLContext, script: Script) -> Script:
    def shake_hands(connection: RawConnection) -> None:
        connection.handshake(context)
        script(connection)

    return shake_hands


def a_broken_record(connection: RawConnection) -> None:
    connection.request()
    connection.strip_tls()
    connection.say(b"\x17\x03\x03\x00\x20" + b"x" * 32)
    connection.wait()


@loops
@pytest.mark.parametrize(
    ("script", "status", "error"),
    [
        (says(answer(b"204 -", b"ok")), 204, None),
        (says_and_resets(b""), None, "connection_closed"),
        (says_and_closes(b""), None, "connection_closed"),
        (a_broken_record, None, "tls_failed"),
    ],
    ids=["204 with a body", "reset", "closed", "a broken record"],
)
def test_after_the_handshake_the_codes_are_those_of_http(
    loop: Any, tmp_path: Path, script: Script, status: int | None, error: str | None
) -> None:
    context = certificate(tmp_path, "127.0.0.1", 10)
    with RawReceiver.listening(over_tls(context, script)) as receiver:
        ((attempt,),) = send_all(loop, f"https://127.0.0.1:{receiver.port}/", trusting=tmp_path)
        assert receiver.requests == 1
    assert (attempt["error"], attempt["status"], attempt["sent"]) == (error, status, True)


@loops
@pytest.mark.parametrize(
    ("name", "days", "trusted"),
    [("other.example", 10, True), ("127.0.0.1", -1, True), ("127.0.0.1", 10, False)],
    ids=["another name", "expired", "of an unknown authority"],
)
def test_a_wrong_certificate_gets_no_request(
    loop: Any, tmp_path: Path, name: str, days: int, trusted: bool
) -> None:
    context = certificate(tmp_path, name, days)
    with RawReceiver.listening(over_tls(context, says(OK))) as receiver:
        ((attempt,),) = send_all(
            loop, f"https://127.0.0.1:{receiver.port}/", trusting=tmp_path if trusted else None
        )
        assert receiver.requests == 0
    assert (attempt["error"], attempt["sent"]) == ("tls_certificate", False)


# --- kept connections -----------------------------------------------------------------------------


def answers_once_and_reads_on(then: Callable[[RawConnection], object]) -> Script:
    """Answers one request, reads the next one, and does `then`."""

    def script(connection: RawConnection) -> None:
        connection.answer(OK)
        connection.request()
        then(connection)

    return script


@loops
@pytest.mark.parametrize(
    "then", [lambda connection: None, RawConnection.reset, lambda connection: connection.say(b"HTTP/1.1 2")]
)
def test_a_request_that_is_sent_again_on_a_new_connection_is_listed_twice(loop: Any, then: Any) -> None:
    with RawReceiver.listening(answers_once_and_reads_on(then), says(OK)) as receiver:
        first, second = send_all(loop, f"http://127.0.0.1:{receiver.port}/", times=2)
        assert receiver.requests == len(first) + len(second) == 3
    assert [attempt["error"] for attempt in first + second] == [None, "connection_closed", None]
    assert all(attempt["sent"] for attempt in first + second)


@loops
def test_it_is_sent_again_once(loop: Any) -> None:
    closing = answers_once_and_reads_on(lambda connection: None)
    with RawReceiver.listening(closing, says_and_closes(b"")) as receiver:
        first, second = send_all(loop, f"http://127.0.0.1:{receiver.port}/", times=2)
        assert receiver.requests == 3
    assert [attempt["error"] for attempt in first + second] == [None, *["connection_closed"] * 2]


@loops
def test_a_deadline_spans_both(loop: Any) -> None:
    closing = answers_once_and_reads_on(lambda connection: None)
    with RawReceiver.listening(closing, says(b"")) as receiver:
        first, second = send_all(
            loop, f"http://127.0.0.1:{receiver.port}/", times=2, deadline_s=2 * IMPATIENCE_S
        )
        assert receiver.requests == 3
    assert [attempt["error"] for attempt in first + second] == [None, "connection_closed", "timeout"]


@loops
def test_a_connection_closed_between_two_requests_leaves_no_trace(loop: Any) -> None:
    with RawReceiver.listening(says_and_closes(OK)) as receiver:
        listed = send_all(
            loop,
            f"http://127.0.0.1:{receiver.port}/",
            times=3,
            meanwhile=lambda: [each.ended.wait(PATIENCE_S) for each in receiver.connections],
        )
        assert receiver.requests == 3
    assert [[attempt["error"] for attempt in attempts] for attempts in listed] == [[None]] * 3


@loops
def test_an_answer_that_was_cut_is_not_asked_for_again(loop: Any) -> None:
    """The receiver has handled the request: the next attempt waits for its turn."""
    cut = answers_once_and_reads_on(lambda connection: connection.say(answer(b"200 -|content-length: 9")))
    with RawReceiver.listening(cut, says(OK)) as receiver:
        first, second = send_all(loop, f"http://127.0.0.1:{receiver.port}/", times=2)
        assert receiver.requests == 2
    assert [attempt["error"] for attempt in first + second] == [None, "connection_closed"]


@loops
def test_a_second_answer_nobody_asked_for_answers_no_later_request(loop: Any) -> None:
    double = says(OK + answer(b"500 -|content-length: 0"))
    with RawReceiver.listening(double) as receiver:
        first, second = send_all(loop, f"http://127.0.0.1:{receiver.port}/", times=2)
        assert receiver.requests == 2
    assert [attempt["status"] for attempt in first + second] == [200, 200]


async def test_deliveries_list_as_many_attempts_as_the_receiver_got(hooks: Hooks) -> None:
    closing = answers_once_and_reads_on(lambda connection: None)
    with RawReceiver.listening(closing, says(OK)) as receiver:
        endpoint = await hooks.endpoint(f"http://127.0.0.1:{receiver.port}/")
        for _ in range(2):
            await hooks.events(1)
            await hooks.work()
        first, second = await hooks.deliveries_to(endpoint)
        assert receiver.requests == len(first.attempts) + len(second.attempts) == 3
    assert [attempt["error"] for attempt in second.attempts] == ["connection_closed", None]
    assert second.attempts[0]["at"] <= second.attempts[1]["at"]
    assert (await hooks.endpoints.state(TENANT, endpoint.id)).failed_attempts == 0
