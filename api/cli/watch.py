"""`pressrun watch`: prints the events of a running server, one on each line."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import click
from rich.console import Console
from rich.text import Text

from api.cli.client import job_text
from api.cli.client.follow_job import Job, follow
from api.cli.client.server import Refused, Server, Unreachable, with_server

_STREAMING = aiohttp.ClientTimeout(sock_connect=10, sock_read=90)
"""The server sends something every 30 s at least; after 90 s of silence the connection is dead."""
_TRIES = 6


@click.command()
@click.argument("job_id", metavar="[JOB]", required=False)
@with_server
async def watch(server: Server, job_id: str | None) -> None:
    """Print events as they happen: of all jobs until Ctrl-C, or of one JOB until it ends.

    With a JOB, the exit code is 0 if it succeeded, and 1 if it failed or was cancelled.
    """
    console = Console(highlight=False)
    if job_id is None:
        async for event in _events(server, console):
            _print_event(console, event)
        return
    last = ""

    def print_change(job: Job) -> None:
        """Prints a line for every state of the job, and for every step of its progress."""
        nonlocal last
        line = f"{job['status']} {job_text.outcome(job)}"
        if line != last:
            last = line
            _print_line(console, _local_time(None), job)

    job = await follow(server, await server.get(f"/v1/jobs/{job_id}"), print_change)
    if job["status"] != "succeeded":
        raise SystemExit(1)


async def _events(server: Server, console: Console) -> AsyncIterator[dict[str, Any]]:
    """Yields events from now on, without end. After a lost connection it resumes where it was."""
    last_id, failures = "", 0
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        try:
            async with server.answered("GET", "/v1/events", headers=headers, timeout=_STREAMING) as answer:
                kind = ""
                async for raw in answer.content:
                    failures = 0
                    name, _, value = raw.decode().rstrip("\r\n").partition(": ")
                    if name == "id":
                        if not last_id:  # the stream has begun: no event from now on is missed
                            console.print("Watching. Ctrl-C ends it.", style="dim")
                        last_id = value
                    elif name == "event":
                        kind = value
                    elif name == "data" and kind == "reset":
                        console.print("Some events are no longer kept and were missed.", style="yellow")
                    elif name == "data" and kind != "progress":
                        yield json.loads(value)
        except (Unreachable, Refused) as error:
            # Others may hold the tenant's connections for a moment, such as a process that stops.
            may_pass = isinstance(error, Unreachable) or error.code == "too_many_connections"
            failures += 1
            if not last_id or not may_pass or failures == _TRIES:
                raise
            await asyncio.sleep(2**failures / 4)


def _print_event(console: Console, event: dict[str, Any]) -> None:
    time = _local_time(event["timestamp"])
    data = event["data"]
    if "job" in data:
        _print_line(console, time, data["job"], "expired" if event["type"] == "job.expired" else None)
    else:
        about: dict[str, Any] = next(iter(data.values()), {})
        console.print(Text(f"{time}  {about.get('id', '')}  {event['type']}"), soft_wrap=True)


def _print_line(console: Console, time: str, job: Job, status: str | None = None) -> None:
    status = status or job["status"]
    line = Text(f"{time}  {job['id']}  ")
    line.append(f"{status:<9}", style=job_text.STYLES.get(status, "dim"))
    line.append(f"  {job['kind']}  {job_text.outcome(job)}".rstrip())
    console.print(line, soft_wrap=True)


def _local_time(timestamp: str | None) -> str:
    moment = datetime.datetime.fromisoformat(timestamp) if timestamp else datetime.datetime.now()
    return f"{moment.astimezone():%H:%M:%S}"
