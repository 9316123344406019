"""The atomic steps on the store: Lua scripts, and `Scripts`, which calls them.

Each script is a file ``<folder>/<name>.lua``. A file whose name starts with ``_`` is a part that
scripts include. Lua does not roll back and answers get lost, so every script checks everything
before its first write and is safe to send twice. The header of a script has directives for
`assemble`, then a comment with its keys, arguments and answer:

- ``--!flags no-cluster …``: the flags of the script, see "Script flags" in the documentation of
  Redis and Valkey.
- ``--!include _clock …``: parts that go before the script, in this order. A part may include
  others.
- ``--!args tenant id …``: its arguments: local variables in Lua, keyword arguments of
  `Scripts.call`. All are strings in Lua; None arrives as the empty string.
- ``--!rows id kind …``: the names in any number of further groups of arguments: ``ROWS`` in Lua, a
  list of tables; `rows` of `Scripts.call`, a list of dicts. A part may declare rows, too.

Names become positions when the script is put together, so they cost nothing. Each release sends its
own scripts, so two releases may call the same script with different arguments.

Constants come from `jobs.store.keys` and the settings, as local variables ``K_…``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from jobs.core.settings import EVENTS_PERCENT, Settings
from jobs.monitoring.store import StoreMetrics
from jobs.store import keys
from jobs.store.client import translated_errors
from jobs.store.connection import Command, DedicatedConnection
from jobs.store.eviction import EvictionGuard
from jobs.store.pipelining import Pipeliner

_CONSTANT = re.compile(r"\bK_([A-Z_]+)\b")
_DIRECTIVE = re.compile(r"^--!(flags|include|args|rows) (.+)\n", re.MULTILINE)


@cache
def _files() -> dict[str, Path]:
    """The Lua files by name without the ending."""
    return {path.stem: path for path in Path(__file__).parent.glob("*/*.lua")}


@cache
def _read(name: str) -> str:
    return _files()[name].read_text(encoding="utf-8")


def _lua_literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(c if c.isalnum() or c in ":/._- " else f"\\{ord(c):03d}" for c in value) + '"'


def _directives(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"include": [], "args": [], "rows": []}
    for directive, words in _DIRECTIVE.findall(_read(name)):
        found.setdefault(directive, []).extend(words.split())
    return found


def _parts(name: str) -> list[str]:
    """The parts that go before a script or part, each once, in order."""
    parts = [each for part in _directives(name)["include"] for each in (*_parts(part), part)]
    return list(dict.fromkeys(parts))


@dataclass(frozen=True, slots=True)
class Script:
    """A script ready to be sent."""

    name: str
    text: str
    digest: str
    """Its SHA-1, by which the store knows it."""
    args: tuple[str, ...]
    row: tuple[str, ...]

    def positions(self, rows: Iterable[Mapping[str, Any]], named: Mapping[str, Any]) -> list[Any]:
        """The values as the script takes them. Raises TypeError for names that do not fit."""
        try:
            values = [named[name] for name in self.args]
            for row in rows:
                values += [row[name] for name in self.row]
        except KeyError as missing:
            raise TypeError(f"script {self.name} needs {missing}") from None
        if len(named) != len(self.args):
            raise TypeError(f"script {self.name} takes no {sorted(named.keys() - set(self.args))}")
        return ["" if value is None else value for value in values]


def assemble(name: str, constants: Mapping[str, str | int]) -> Script:
    """Puts script `name` together: flags, constants, rows, included parts, arguments, body."""
    own = _directives(name)
    parts = _parts(name)
    args, row = own["args"], [field for each in (*parts, name) for field in _directives(each)["rows"]]
    body = "\n".join([*map(_read, parts), _local_arguments(args), _read(name)])
    used = set(_CONSTANT.findall(body))
    head = [f"local K_{key} = {_lua_literal(value)}" for key, value in constants.items() if key in used]
    text = "\n".join([f"#!lua flags={','.join(own['flags'])}", *head, _local_rows(len(args), row), body])
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name, text, digest, tuple(args), tuple(row))


def _local_arguments(args: Sequence[str]) -> str:
    if not args:
        return ""
    return f"local {', '.join(args)} = {', '.join(f'ARGV[{at}]' for at in range(1, len(args) + 1))}"


def _local_rows(args: int, row: Sequence[str]) -> str:
    if not row:
        return ""
    fields = ", ".join(f"{name} = ARGV[at + {offset}]" for offset, name in enumerate(row))
    return (
        f"local ROWS = {{}}\nfor at = {args + 1}, #ARGV, {len(row)} do ROWS[#ROWS + 1] = {{ {fields} }} end"
    )


class Scripts:
    """Calls the atomic steps on one store."""

    def __init__(self, redis: Redis, settings: Settings, metrics: StoreMetrics | None = None) -> None:
        self.redis = redis
        self.eviction = EvictionGuard(redis, settings)
        """Asked before new work is kept."""
        self._pipeliner = Pipeliner(DedicatedConnection(redis), DedicatedConnection(redis), metrics=metrics)
        self._constants: dict[str, str | int] = {
            **keys.LUA_NAMES,
            "BASE_URL": settings.base_url,
            "WS_URL": settings.ws_url,
            "LOG_EVENTS": settings.log_events,
            "LOG_TTL_MS": settings.log_ttl * 1000,
            "BUS_EVENTS": settings.bus_events,
            "EVENTS_BYTES": settings.events_mb * 1024**2,
            "EVENTS_PERCENT": EVENTS_PERCENT,
            "MAX_QUEUED": settings.max_queued,
            "MAX_TENANT_BYTES": settings.max_tenant_bytes or 0,
            "MAX_WEBHOOK_ENDPOINTS": settings.max_webhook_endpoints,
            "WEBHOOK_ORIGIN_RATE": settings.webhook_origin_rate,
            "RESULT_TTL_MS": settings.result_ttl * 1000,
            "RECORD_TTL_MS": settings.record_ttl * 1000,
        }
        self._assembled: dict[str, Script] = {}

    def script(self, name: str) -> Script:
        if name not in self._assembled:
            self._assembled[name] = assemble(name, self._constants)
        return self._assembled[name]

    async def call(self, name: str, /, *, rows: Iterable[Mapping[str, Any]] = (), **named: Any) -> Any:
        """Runs the script with the arguments and rows that it declares, and returns its answer.

        Raises:
            StoreUnavailable: the step may have been taken; sending it again is safe.
            StoreFull: nothing was written; unless it was sent twice, and the first answer got lost.
        """
        script = self.script(name)
        arguments = script.positions(rows, named)
        with translated_errors():
            try:
                return await self._pipeliner.call("EVALSHA", script.digest, 0, *arguments)
            except NoScriptError:
                return await self._pipeliner.call("EVAL", script.text, 0, *arguments)

    def command(self, name: str, /, *, rows: Iterable[Mapping[str, Any]] = (), **named: Any) -> Command:
        """The call as a command for another connection. The answer may be NoScriptError."""
        script = self.script(name)
        return ("EVALSHA", script.digest, 0, *script.positions(rows, named))
