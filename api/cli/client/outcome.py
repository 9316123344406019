"""Follows a job to its end with a progress bar, writes its result, and prints how it went."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from api.cli.client import job_text
from api.cli.client.follow_job import Job, OnChange, follow
from api.cli.client.result import fetch_result, write
from api.cli.client.server import Server

_WAITING = {
    "scheduled": "scheduled",
    "queued": "waiting for a worker",
    "running": "starting",
    "retrying": "failed, will be tried again",
}


async def finish(server: Server, job: Job, name: str, target: Path | None, console: Console) -> None:
    """Waits for the job, and writes its result to `target`, or to standard output.

    `name` is what the progress bar shows. Raises ClickException if the job has no result.
    """
    try:
        with _progress_bar(console, name) as update:
            job = await follow(server, job, update)
    except BaseException:
        console.print(f"The job goes on. To look at it: pressrun jobs show {job['id']}")
        raise
    body = await fetch_result(server, job)
    if target is None:
        sys.stdout.buffer.write(body)
    else:
        write(target, body)
    _print_outcome(console, job, target)


@contextmanager
def _progress_bar(console: Console, name: str) -> Iterator[OnChange]:
    """Shows the progress of the job if standard error is a terminal; disappears at the end."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.fields[name]}", style="bold"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task("", total=100, name=name)

    def update(job: Job) -> None:
        progress = job["progress"]
        if job["status"] == "running" and progress is not None:
            page = f", page {progress['page']}" if progress.get("page") else ""
            bar.update(task, completed=progress["percent"], description=progress["stage"] + page)
        elif job["status"] in _WAITING:
            bar.update(task, completed=0, description=_WAITING[job["status"]])

    with bar:
        yield update


def _print_outcome(console: Console, job: Job, target: Path | None) -> None:
    result = job["result"]
    took = f", rendered in {job_text.seconds(result['render_ms'])}" if "render_ms" in result else ""
    name = f"{target}: " if target else ""
    console.print(f"{name}{job_text.outcome(job)}{took}", soft_wrap=True)
    for warning in result.get("warnings", []):
        severity, text = job_text.warning(warning)
        console.print(f"{severity}: {text}", style=job_text.WARNING_STYLES[severity], soft_wrap=True)
    for code, number in result.get("warnings_omitted", {}).items():
        console.print(f"and {number} more of {code}", style="dim", soft_wrap=True)
    if any(warning["code"] == "relative_url" for warning in result.get("warnings", [])):
        console.print("--file sends along what the document refers to.", style="dim", soft_wrap=True)
