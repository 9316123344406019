"""Sends the HTTP requests of the subcommands to a running server, and explains its refusals."""

from __future__ import annotations

import asyncio
import functools
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import click

T = TypeVar("T")

_URL = "pressrun.url"
_URL_VARIABLE = "PRESSRUN_URL"
_API_KEY_VARIABLE = "PRESSRUN_API_KEY"
VARIABLES = (_URL_VARIABLE, _API_KEY_VARIABLE)
"""The variables that these commands read from the environment, besides the settings."""
_INTERRUPTED = 130
"""The exit code after Ctrl-C, as in shells: 128 + SIGINT."""

PATIENCE = aiohttp.ClientTimeout(total=60, sock_connect=10)
"""For one answer, including a long poll of up to 25 s."""


class Refused(click.ClickException):
    """The server refused the request. Ends with exit code 1."""

    exit_code = 1

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.code = str(problem.get("code", f"http_{status}"))
        lines = _explanation(
            str(problem.get("detail", "The server gave no reason.")), problem.get("errors", [])
        )
        if self.code == "unauthenticated":
            lines.append("Put an API key of this server into PRESSRUN_API_KEY.")
        super().__init__("\n".join(lines) + f" ({self.code})")


def _explanation(detail: str, errors: list[dict[str, Any]]) -> list[str]:
    """Lists the detail and every error that it does not contain already.

    If the detail repeats the only error, the line is the detail with the error's pointer.
    """
    found = [(str(each.get("pointer", "")), str(each.get("message", ""))) for each in errors]
    if len(found) == 1 and found[0][1].rstrip(".") in detail:
        pointer = found[0][0]
        return [detail if pointer in detail else f"{pointer}: {detail}"]
    lines = [f"{pointer}: {message}" for pointer, message in found]
    return [detail, *(f"  {line}" for line in lines if line not in detail)]


class Unreachable(click.ClickException):
    """The server does not answer, or cannot serve now. Ends with exit code 3."""

    exit_code = 3

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"{url} does not answer: {reason}. Is it running (`pressrun up`), and is --url right?"
        )


class Server:
    """Sends requests. Every method raises `Refused` or `Unreachable`, with a message for users."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url

    async def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Returns the JSON at `path`. Parameters that are None are left out."""
        present = {name: str(value) for name, value in parameters.items() if value is not None}
        return await self.send("GET", path, params=present)

    async def send(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Sends a request with aiohttp's options. Returns the answer's JSON, ``{}`` if empty."""
        async with self.answered(method, path, **options) as answer:
            body = await answer.read()
            document: dict[str, Any] = json.loads(body) if body else {}
            return document

    @asynccontextmanager
    async def answered(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Sends a request and yields the answer for reading. Raises if it is an error."""
        try:
            async with self.http.request(method, self.url + path, **options) as answer:
                if answer.status >= 400:
                    raise await self._problem(answer)
                yield answer
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unreachable(self.url, _reason(error)) from error

    async def _problem(self, answer: aiohttp.ClientResponse) -> click.ClickException:
        if answer.content_type != "application/problem+json":
            return Unreachable(self.url, f"what is there answers {answer.status}, and is not Pressrun")
        problem = await answer.json(content_type=None)
        if answer.status >= 500:
            return Unreachable(self.url, str(problem.get("detail", answer.status)).rstrip("."))
        return Refused(answer.status, problem)


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection refused" if isinstance(error.os_error, ConnectionRefusedError) else str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__


def _remember_url(context: click.Context, parameter: click.Parameter, url: str | None) -> None:
    if url is not None:
        context.meta[_URL] = url


url_option = click.option(
    "--url",
    expose_value=False,
    callback=_remember_url,
    help="URL of the server. By default PRESSRUN_URL, or the server that `pressrun up` starts here.",
)
"""If a group has this option, it applies to the commands of the group."""


def _url_in_force() -> str:
    given = click.get_current_context().meta.get(_URL) or os.environ.get(_URL_VARIABLE)
    url: str = given or f"localhost:{os.environ.get('PORT', '8000')}"
    return url if "://" in url else f"http://{url}"


def with_server(command: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
    """Makes a command of an async function: passes it a `Server` first, and adds `--url`."""

    @url_option
    @functools.wraps(command)
    def run(**arguments: Any) -> T:
        url = _url_in_force().rstrip("/")
        api_key = os.environ.get(_API_KEY_VARIABLE)
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

        async def connected() -> T:
            async with aiohttp.ClientSession(headers=headers, timeout=PATIENCE) as http:
                return await command(Server(http, url), **arguments)

        try:
            return asyncio.run(connected())
        except KeyboardInterrupt:
            raise SystemExit(_INTERRUPTED) from None

    return run
