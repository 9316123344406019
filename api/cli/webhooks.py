"""`pressrun webhooks listen`: a webhook receiver for development.

It registers itself as an endpoint, verifies each request, prints it and forwards it.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import click
from aiohttp import web

from api.cli.client.server import Server, with_server
from jobs.webhooks.credentials import secret_bytes
from jobs.webhooks.signing import is_genuine

ENDPOINTS = "/v1/webhook-endpoints"
MAX_EVENT_BYTES = 1024 * 1024
_KEPT_HEADERS = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")


@click.group()
def webhooks() -> None:
    """Work with webhooks."""


@webhooks.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="The port on 127.0.0.1 to listen on; 0 for any free one.",
)
@click.option(
    "--forward-to", metavar="URL", default="", help="A receiver of yours that gets every event unchanged."
)
@click.option(
    "--event-type",
    "event_types",
    multiple=True,
    default=("*",),
    show_default=True,
    help="The events to receive. Can be given several times.",
)
@with_server
async def listen(server: Server, port: int, forward_to: str, event_types: tuple[str, ...]) -> None:
    """Receive webhooks on this machine until Ctrl-C.

    Registers http://127.0.0.1:PORT as an endpoint and removes it at the end. Pressrun sends
    webhooks to this machine only if PRESSRUN_EGRESS_ALLOW lists it: start Pressrun with
    PRESSRUN_EGRESS_ALLOW=127.0.0.1.
    """
    stopping = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        listener = Listener(forward_to, session)
        async with listener.listening(port) as url:
            wanted = {
                "url": url,
                "event_types": list(event_types),
                "description": "pressrun webhooks listen",
            }
            endpoint = await server.send("POST", ENDPOINTS, json=wanted)
            listener.key = secret_bytes(endpoint["secret"])
            click.echo(f"{endpoint['id']} listens on {url}. Secret: {endpoint['secret']}. Ctrl-C ends it.")
            await stopping.wait()
            await server.send("DELETE", f"{ENDPOINTS}/{endpoint['id']}")
            click.echo("Endpoint removed.")


class Listener:
    """Verifies, prints and answers deliveries. Refuses those with a wrong signature."""

    def __init__(self, forward_to: str, session: aiohttp.ClientSession) -> None:
        self.key = b""
        """The signing key. Set when the endpoint is registered."""
        self._forward_to = forward_to
        self._session = session

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[str]:
        app = web.Application(client_max_size=MAX_EVENT_BYTES)
        app.router.add_post("/", self.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
        finally:
            await runner.cleanup()

    async def handle(self, request: web.Request) -> web.Response:
        """Answers 401 for a wrong signature, else like the `--forward-to` receiver, or 204."""
        body = await request.read()
        headers = {name: request.headers.get(name, "") for name in _KEPT_HEADERS}
        if not is_genuine(self.key, headers, body, time.time()):
            click.secho("✗ a request whose signature or timestamp is wrong", fg="red")
            return web.Response(status=401)
        click.echo(readable(json.loads(body)))
        if not self._forward_to:
            return web.Response(status=204)
        try:
            async with self._session.post(self._forward_to, data=body, headers=headers) as answer:
                click.echo(f"  → {self._forward_to} answered {answer.status}")
                return web.Response(status=answer.status, body=await answer.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            click.secho(f"  → {self._forward_to} does not answer: {error}", fg="red")
            return web.Response(status=502)


def readable(event: Mapping[str, Any]) -> str:
    parts = [event["timestamp"], f"{event['type']:<16}"]
    for name, thing in event["data"].items():
        parts.append(str(thing.get("id", name)))
        if name == "job" and thing.get("error"):
            parts.append(f"{thing['error']['code']}: {thing['error']['message']}")
        elif name == "job" and thing.get("result"):
            parts.append(f"{thing['result']['bytes']} bytes {thing['result']['url'] or ''}")
    return "  ".join(parts)
