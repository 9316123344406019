"""The atomic steps: each a Lua file here whose header lists its KEYS, ARGV and answer.

Lua does not roll back and answers get lost, so every script checks everything before its first write and is safe to
send twice. A file that starts with ``_`` is a part that others include. `Scripts` puts together the text (names from
`jobs.store.keys` and the settings come first, as local variables ``K_…``), and calls it by digest.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from jobs.core.settings import Settings
from jobs.store import keys
from jobs.store.client import translated_errors
from jobs.store.connection import Command, DedicatedConnection
from jobs.store.pipelining import Pipeliner

_NAME = re.compile(r"\bK_([A-Z_]+)\b")
_DIRECTIVE = re.compile(r"^--!(flags|include) (.+)\n", re.MULTILINE)


@cache
def _files() -> dict[str, Path]:
    """The Lua files in the folders beside this module, by name without the ending."""
    return {path.stem: path for path in Path(__file__).parent.glob("*/*.lua")}


@cache
def _read(name: str) -> str:
    return _files()[name].read_text(encoding="utf-8")


def _lua_literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(c if c.isalnum() or c in ":/._- " else f"\\{ord(c):03d}" for c in value) + '"'


def assemble(name: str, names: dict[str, str | int]) -> str:
    """The full text of script `name`: flags, names as local variables, included parts, body."""
    text = _read(name)
    directives = dict(_DIRECTIVE.findall(text))
    flags = directives["flags"].replace(" ", ",")
    body = "\n".join([*map(_read, directives.get("include", "").split()), text])
    used = set(_NAME.findall(body))
    constants = [f"local K_{key} = {_lua_literal(value)}" for key, value in names.items() if key in used]
    return "\n".join([f"#!lua flags={flags}", *constants, body])


class Scripts:
    """Calls the atomic steps on one store."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self.redis = redis
        self._batcher = Pipeliner(DedicatedConnection(redis), DedicatedConnection(redis))
        self._names: dict[str, str | int] = {
            **keys.LUA_NAMES,
            "BASE_URL": settings.base_url,
            "WS_URL": settings.ws_url,
            "LOG_EVENTS": settings.log_events,
            "MAX_QUEUED": settings.max_queued,
            "RESULT_TTL_MS": settings.result_ttl * 1000,
            "RECORD_TTL_MS": settings.record_ttl * 1000,
        }
        self._texts: dict[str, tuple[str, str]] = {}

    def _text(self, name: str) -> tuple[str, str]:
        """Digest and text of script `name`."""
        if name not in self._texts:
            text = assemble(name, self._names)
            self._texts[name] = (hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), text)
        return self._texts[name]

    async def call(self, name: str, *args: Any) -> Any:
        """Runs the script and returns its answer.

        Raises:
            StoreUnavailable: no answer; whether the step was taken is unknown, and sending it again is safe.
            StoreFull: nothing was written; unless it was sent twice, and the first answer got lost.
        """
        digest, text = self._text(name)
        with translated_errors():
            try:
                return await self._batcher.call("EVALSHA", digest, 0, *args)
            except NoScriptError:
                return await self._batcher.call("EVAL", text, 0, *args)

    def command(self, name: str, *args: Any) -> Command:
        """The script as a command, for a line of one's own; answered with NoScriptError by a store that has lost it."""
        return ("EVALSHA", self._text(name)[0], 0, *args)
