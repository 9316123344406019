"""Logs in the same way in every process: structlog, with records of the standard library alike.

One line per event on stderr, for people (`console`) or machines (`json`). Secrets never reach a
line: neither under a telling name, nor inside a message, a URL or a traceback. Pressrun's own lines
do not pass through the standard library: a notifier writes thousands a second, and that would be
most of their cost.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO
from urllib.parse import urlsplit

import structlog
from structlog.typing import Processor

from jobs.core.settings import Settings

REDACTED = "[redacted]"
_SECRET_NAMES = frozenset(
    {
        "token",
        "secret",
        "secret_key",
        "api_key",
        "api_keys",
        "operator_keys",
        "authorization",
        "password",
        "cookie",
        "cookies",
        "credentials",
        "redis_url",
    }
)
_SECRET_SHAPES = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # tokens
    r"|whsec_[\w+/=-]+"  # webhook secrets
    r"|://[^\s/@]+(?=@)"  # credentials in a URL; a lookbehind instead would be tried at every character
)
_QUIET = ("websockets", "uvicorn.access", "asyncio", "arq.jobs", "fontTools")
"""Chatty, or with secrets at debug level: `websockets` logs frames, `uvicorn.access` queries."""
_QUIET_UNLESS_DEBUGGING = ("arq.worker",)
"""arq writes two lines for each run of a cron job, and repeats lines of ours."""


class _WithoutQuery(logging.Filter):
    """Leaves the query out of uvicorn's lines about WebSockets. Some clients put a key there."""

    def filter(self, record: logging.LogRecord) -> bool:
        if "WebSocket %s" in str(record.msg) and isinstance(record.args, tuple):
            client, path, *rest = record.args
            record.args = (client, str(path).partition("?")[0], *rest)
        return True


_WITHOUT_QUERY = _WithoutQuery()


def configure_logging(settings: Settings, process: str, stream: TextIO = sys.stderr) -> None:
    """Sets up logging for this process. Every line has the name `process`."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    beginning: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    end: list[Processor] = [
        lambda _, __, event: {**event, "process": process},
        structlog.processors.format_exc_info,
        _redact(_known_secrets(settings)),
        _as_json if settings.log_format == "json" else _console(stream),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*beginning, structlog.stdlib.ExtraAdder(allow=())],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *end],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("uvicorn.error").addFilter(_WITHOUT_QUERY)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for name in _QUIET_UNLESS_DEBUGGING:
        logging.getLogger(name).setLevel(level if level <= logging.DEBUG else max(level, logging.WARNING))
    structlog.configure(
        processors=[*beginning, *end],
        logger_factory=lambda name=process: _Lines(handler, name),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


class _Lines:
    """Writes structlog's lines to the stream of the handler, one at a time."""

    def __init__(self, handler: logging.StreamHandler[TextIO], name: str) -> None:
        self.name = name
        self._handler = handler

    def write(self, line: str) -> None:
        """Drops a line that cannot be written: nothing else may fail because of it."""
        self._handler.acquire()
        try:
            self._handler.stream.write(line + "\n")
            self._handler.stream.flush()
        except (OSError, ValueError):
            pass
        finally:
            self._handler.release()

    debug = info = warning = error = critical = write


def _as_json(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    return json.dumps(event)


def _console(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def _known_secrets(settings: Settings) -> tuple[str, ...]:
    password = urlsplit(settings.redis_url).password
    keys = [key.key for key in settings.api_keys]
    return (*keys, *settings.operator_keys, *settings.secret_key, *([password] if password else []))


def _redact(secrets: tuple[str, ...]) -> Processor:
    shapes = re.compile("|".join([*map(re.escape, secrets), _SECRET_SHAPES.pattern]))

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return shapes.sub(_hide, value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, bytes):
            return clean(value.decode(errors="replace"))
        if isinstance(value, Mapping):
            return {key: REDACTED if _is_secret(key) else clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [clean(item) for item in value]
        return clean(str(value))

    def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            event[key] = REDACTED if _is_secret(key) else clean(value)
        return event

    return redact


def _hide(found: re.Match[str]) -> str:
    return f"://{REDACTED}" if found[0].startswith("://") else REDACTED


def _is_secret(name: object) -> bool:
    return isinstance(name, str) and name.lower() in _SECRET_NAMES
