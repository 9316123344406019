from __future__ import annotations

import errno
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from jobs.core.settings import ApiKey, Settings
from jobs.core.tokens import Scope, Tokens
from jobs.process.logging import REDACTED, configure_logging

SECRET = "s" * 40


@pytest.fixture(autouse=True)
def _logging_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logging.getLogger(name).level
        for name in ("websockets", "uvicorn.access", "asyncio", "arq.worker")
    }
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)
    structlog.reset_defaults()


def configured(**settings: Any) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(Settings(log_format="json", **settings), "notifier", stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_what_where_and_when() -> None:
    stream = configured()

    structlog.get_logger("notifier.fanout.hub").info("subscription.opened", job_id="job_1", count=2)

    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "subscription.opened",
        "job_id": "job_1",
        "count": 2,
        "level": "info",
        "logger": "notifier.fanout.hub",
        "process": "notifier",
    }


def test_records_of_the_standard_library_come_out_the_same_way() -> None:
    stream = configured()

    logging.getLogger("uvicorn.error").warning("port %d is taken", 8000)

    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == (
        "port 8000 is taken",
        "uvicorn.error",
        "warning",
    )


def test_lines_below_the_level_are_left_out() -> None:
    stream = configured(log_level="warning")

    structlog.get_logger("x").info("quiet")
    logging.getLogger("x").info("quiet")
    structlog.get_logger("x").warning("loud")

    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_websocket_frames_are_not_logged_even_at_debug_level() -> None:
    configured(log_level="debug")

    assert not logging.getLogger("websockets.server").isEnabledFor(logging.INFO)


@pytest.mark.parametrize(("log_level", "said"), [("info", ["trouble"]), ("debug", ["cron", "trouble"])])
def test_cron_jobs_are_told_of_only_at_debug_level(log_level: str, said: list[str]) -> None:
    stream = configured(log_level=log_level)

    logging.getLogger("arq.worker").info("cron")
    logging.getLogger("arq.worker").warning("trouble")

    assert [line["event"] for line in lines(stream)] == said


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_secret_reaches_a_line(log_format: str) -> None:
    stream = io.StringIO()
    settings = Settings(
        log_format=log_format,
        api_keys=(ApiKey("acme", "key-of-acme-0123456789"),),
        secret_key=(SECRET,),
        redis_url="redis://user:pass-of-redis@db:6379/0",
    )
    configure_logging(settings, "web", stream)
    token, _ = Tokens([SECRET]).mint("acme", Scope(job_id="job_1"), 0, 60)
    log = structlog.get_logger("x")

    log.info("named", token="plain-one", headers={"Authorization": "Bearer plain-two"})
    log.info(f"in the message: {token} key-of-acme-0123456789", url="redis://user:pass-of-redis@db:6379/0")
    log.info("in a list", values=[token, SECRET.encode()], settings=settings, nothing=None)
    try:
        raise RuntimeError(f"could not use {SECRET}")
    except RuntimeError:
        log.exception("in a traceback")
    logging.getLogger("lib").error("from a library: %s", "key-of-acme-0123456789")

    text = stream.getvalue()
    for secret in ("plain-one", "plain-two", "key-of-acme", "pass-of-redis", SECRET, token):
        assert secret not in text
    assert text.count(REDACTED) >= 8
    assert "RuntimeError" in text


def test_credentials_leave_the_rest_of_a_url_to_be_read() -> None:
    stream = configured()

    structlog.get_logger("x").info(
        "store.waiting", reason="redis://user:pass@db:6379/0 and https://example.com/@x"
    )

    (line,) = lines(stream)
    assert line["reason"] == f"redis://{REDACTED}@db:6379/0 and https://example.com/@x"


def test_the_query_of_a_websocket_is_not_logged() -> None:
    stream = configured()

    logging.getLogger("uvicorn.error").info(
        '%s - "WebSocket %s" [accepted]', "192.0.2.1:80", "/v1/ws?key=abc"
    )

    (line,) = lines(stream)
    assert line["event"] == '192.0.2.1:80 - "WebSocket /v1/ws" [accepted]'


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else() -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    full = Full()
    configure_logging(Settings(log_format="json"), "notifier", full)

    structlog.get_logger("x").error("said")

    full.close()
    structlog.get_logger("x").error("said to nobody")
